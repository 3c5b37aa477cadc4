// Ctrl-C: the first one is remembered, and wakes whoever waits on interrupt_fd; the second ends the command at once.
#pragma once
#include <string>

namespace command {

void watch_interrupts();
bool interrupt_asked();
int interrupt_fd();  // readable once an interrupt was asked for; -1 before watch_interrupts
// As open(2), which may wait for a pipe's other end, but begun again after another signal: EINTR is an interrupt.
int open_unless_interrupted(const std::string &path, int flags);

}  // namespace command
