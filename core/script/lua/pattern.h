// Lua 5.1's patterns, with a look at the item's limits every so often: LuaJIT's own matcher can run for hours in one
// instruction.
#pragma once
#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>

namespace mrun {

class PatternMatcher {
 public:
  struct Capture {
    const char *begin = nullptr;
    std::ptrdiff_t size = 0;  // or one of the two below
  };
  static constexpr std::ptrdiff_t position = -2, open = -1;
  static constexpr int most_captures = 32;

  // poll: called every few thousand steps; may throw. Both texts must outlive the matcher. A `^` is the caller's.
  PatternMatcher(std::string_view subject, std::string_view pattern, std::function<void()> poll);
  // The end of the match that begins at `from` (within the subject), or null. Throws SCRIPT for a malformed pattern.
  const char *match(const char *from);
  int captures() const { return level_; }
  // Throws SCRIPT where it was never closed.
  const Capture &capture(int) const;

 private:
  class Depth;
  const char *match(const char *s, const char *p);
  const char *begin_capture(const char *s, const char *p, std::ptrdiff_t what);
  const char *end_capture(const char *s, const char *p);
  const char *back_reference(const char *s, char digit);
  const char *balance(const char *s, const char *p);
  const char *longest(const char *s, const char *p, const char *next);
  const char *shortest(const char *s, const char *p, const char *next);
  const char *class_end(const char *p);
  bool in_set(unsigned char c, const char *p, const char *end);
  bool single(const char *s, const char *p, const char *end);
  bool frontier(const char *s, const char *p, const char *end);
  void step() {
    if (--steps_ <= 0) look();
  }
  // What looks at so many bytes at once takes more steps.
  void spend(std::ptrdiff_t bytes) { steps_ = static_cast<int>(std::max<std::ptrdiff_t>(steps_ - bytes / 16, 0)); }
  void look();

  const char *const begin_, *const end_, *const pattern_, *const pattern_end_;
  const std::function<void()> poll_;
  int steps_, depth_ = 0, level_ = 0;
  Capture captures_[most_captures];
};

}  // namespace mrun
