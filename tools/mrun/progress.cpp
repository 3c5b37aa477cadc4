#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace command {
namespace {

// What fits on one line: of a longer one only the last part could be erased.
size_t room() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : std::string::npos;
}

std::string rate(double a_second) {
  return a_second < 0.95 ? fmt::format("{:.2g}/s", a_second) : fmt::format("{:.0f}/s", a_second);
}

// In a unit that says it with two or three digits.
std::string left(double seconds) {
  constexpr double minute = 60, hour = 3600;
  if (seconds >= 2 * hour) return fmt::format("{:.0f} h left", seconds / hour);
  return seconds >= 2 * minute ? fmt::format("{:.0f} min left", seconds / minute)
                               : fmt::format("{:.0f} s left", seconds);
}

}  // namespace

void Progress::count(bool ok) {
  const std::lock_guard lock(mutex_);
  ++items_;
  if (!ok) ++failed_;
  const auto now = Clock::now();
  if (!show_ || now - begin_ < std::chrono::milliseconds(500) || now - drawn_ < std::chrono::milliseconds(200)) return;
  drawn_ = now;
  if (!redrawn_) return;
  on_line_ = true;
  draw(false);
}

void Progress::draw(bool ended) const {
  const double took = std::chrono::duration<double>(Clock::now() - begin_).count();
  const auto items = static_cast<double>(items_);
  const bool known = !ended && all_ > 0;
  std::string line =
      known ? fmt::format("{} of {}", items_, mrun::counted(all_, "item")) : mrun::counted(items, "item");
  if (ended) line += fmt::format(" in {:.1f} s", took);
  line += ", " + rate(items / took);
  if (known && all_ > items_) line += ", " + left((static_cast<double>(all_) - items) * took / items);
  if (failed_ > 0) line += fmt::format(", {} failed", failed_);
  if (!ended) line.resize(std::min(line.size(), room()));
  std::fprintf(stderr, "%s%s", redrawn_ ? "\r\033[K" : "", line.c_str());
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
