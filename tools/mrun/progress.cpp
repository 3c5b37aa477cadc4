#include "progress.h"

#include <cinttypes>
#include <cstdio>

namespace command {

void Progress::count(bool ok) {
  const std::lock_guard lock(mutex_);
  ++items_;
  if (!ok) ++failed_;
  const auto now = Clock::now();
  if (!show_ || now - drawn_ < std::chrono::milliseconds(200)) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double rate = static_cast<double>(items_) / seconds;
  std::fprintf(stderr, "\r\033[K%" PRIu64, items_);
  if (all_ > 0) std::fprintf(stderr, " of %" PRIu64, all_);
  std::fprintf(stderr, " items, %.0f/s", rate);
  if (all_ > items_ && rate > 0) std::fprintf(stderr, ", %.0f s left", static_cast<double>(all_ - items_) / rate);
  if (failed_ > 0) std::fprintf(stderr, ", %" PRIu64 " failed", failed_);
  std::fflush(stderr);
}

void Progress::end() {
  const std::lock_guard lock(mutex_);
  if (show_ && drawn_ != Clock::time_point()) std::fputs("\r\033[K", stderr);
}

}  // namespace command
