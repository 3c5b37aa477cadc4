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

constexpr unsigned patience = 3;  // seconds

std::atomic<int> asked{0};  // the signal
std::atomic<int> wake{-1};
std::atomic<const char *> half_written{nullptr};

void on_interrupt(int signal) {
  int none = 0;
  if (!asked.compare_exchange_strong(none, signal)) end_interrupted();
  alarm(patience);
  const int error = errno;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake.load(), &one, sizeof one);
  errno = error;
}

void on_alarm(int) { end_interrupted(); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void watch_interrupts() {
  if (wake < 0) wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  handle(SIGALRM, on_alarm);
  handle(SIGINT, on_interrupt);
  for (const int signal : {SIGTERM, SIGHUP}) {
    if (!is_ignored(signal)) handle(signal, on_interrupt);  // nohup
  }
}

bool interrupt_asked() { return asked != 0; }
int interrupt_fd() { return wake; }

void removed_at_once(const std::string &path) {
  static std::string kept;
  half_written = nullptr;
  kept = path;
  if (!kept.empty()) half_written = kept.c_str();
}

// Async-signal-safe.
void end_interrupted() {
  if (const char *file = half_written) unlink(file);
  const int signal = asked;
  if (signal != 0 && signal != SIGINT) {
    handle(signal, SIG_DFL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    raise(signal);
    pthread_sigmask(SIG_UNBLOCK, &only, nullptr);  // in its own handler it is blocked
  }
  _exit(interrupted);
}

int open_unless_interrupted(const std::string &path, int flags) {
  while (!interrupt_asked()) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC);
    if (fd >= 0 || errno != EINTR) return fd;
  }
  errno = EINTR;
  return -1;
}

}  // namespace command
