#include "progress.h"

#include <cinttypes>
#include <cstdio>

namespace command {

void Progress::count(bool ok) {
  const std::lock_guard lock(mutex_);
  ++items_;
  if (!ok) ++failed_;
  const auto now = Clock::now();
  if (!show_ || now - begin_ < std::chrono::milliseconds(500) || now - drawn_ < std::chrono::milliseconds(200)) return;
  drawn_ = now;
  on_line_ = true;
  draw(false);
}

void Progress::draw(bool ended) const {
  const double took = std::chrono::duration<double>(Clock::now() - begin_).count();
  const auto items = static_cast<double>(items_);
  std::fprintf(stderr, "\r\033[K%" PRIu64, items_);
  if (!ended && all_ > 0) std::fprintf(stderr, " of %" PRIu64, all_);
  std::fputs(" items", stderr);
  if (ended) std::fprintf(stderr, " in %.1f s", took);
  std::fprintf(stderr, ", %.0f/s", items / took);
  if (!ended && all_ > items_)
    std::fprintf(stderr, ", %.0f s left", (static_cast<double>(all_) - items) * took / items);
  if (failed_ > 0) std::fprintf(stderr, ", %" PRIu64 " failed", failed_);
  std::fflush(stderr);
}

void Progress::erase() {
  const std::lock_guard lock(mutex_);
  if (!on_line_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  on_line_ = false;
}

void Progress::end() {
  const std::lock_guard lock(mutex_);
  if (drawn_ == Clock::time_point()) return;
  draw(true);
  std::fputc('\n', stderr);
}

}  // namespace command
