#include "interrupt.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "report.h"

namespace command {
namespace {

std::atomic<bool> asked{false};
std::atomic<int> wake{-1};

void on_interrupt(int) {
  if (asked.exchange(true)) _exit(interrupted);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake.load(), &one, sizeof one);
}

}  // namespace

void watch_interrupts() {
  if (wake < 0) wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
}

bool interrupt_asked() { return asked; }
int interrupt_fd() { return wake; }

int open_unless_interrupted(const std::string &path, int flags) {
  while (!asked) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC);
    if (fd >= 0 || errno != EINTR) return fd;
  }
  errno = EINTR;
  return -1;
}

}  // namespace command
