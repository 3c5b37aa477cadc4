#include "stop_at_interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "interrupt.h"

namespace command {

StopAtInterrupt::StopAtInterrupt(mrun::engine &engine) : over_(eventfd(0, EFD_CLOEXEC)) {
  const auto wait = [fd = over_.get(), &engine] {
    pollfd either[] = {{interrupt_fd(), POLLIN, 0}, {fd, POLLIN, 0}};
    while (poll(either, 2, -1) < 0 && errno == EINTR) {}
    if (interrupt_asked()) mrun_stop(engine.raw());
  };
  try {
    if (over_) thread_ = std::thread(wait);
  } catch (const std::system_error &) {}  // none can be had: the command ends a little later, by its patience
}

StopAtInterrupt::~StopAtInterrupt() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(over_.get(), &one, sizeof one);
  thread_.join();
}

}  // namespace command
