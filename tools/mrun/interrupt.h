// Ctrl-C, SIGTERM and SIGHUP: the first one is remembered, and wakes whoever waits on interrupt_fd, so that what was answered
// is left in order. A second one ends the command at once, and so does its own `patience` where something does not come
// back: a native call, a reader of the answers who reads no more.
#pragma once
#include <string>

namespace command {

void watch_interrupts();
bool interrupt_asked();
int interrupt_fd();  // readable once an interrupt was asked for; -1 before watch_interrupts
// As open(2), which may wait for a pipe's other end, but begun again after another signal: EINTR is an interrupt.
int open_unless_interrupted(const std::string &path, int flags);
// The file that goes where an interrupt ends the command at once, since nothing is cleared up then; empty: none any more.
void removed_at_once(const std::string &path);
// Ends the command after an interrupt: with status 130, or by the signal itself, so that who sent it sees it was that.
[[noreturn]] void end_interrupted();

}  // namespace command
