// Ctrl-C: the first one is remembered, and wakes whoever waits on interrupt_fd; the second ends the command at once.
#pragma once

namespace command {

void watch_interrupts();
bool interrupt_asked();
int interrupt_fd();  // readable once an interrupt was asked for; -1 before watch_interrupts

}  // namespace command
