#include "script/lua/pattern.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace mrun {
namespace {

constexpr int poll_steps = 1 << 16;
constexpr int most_depth = 200;

// ASCII, whatever the locale.
bool is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
bool is_alnum(unsigned char c) { return is_lower(c) || is_upper(c) || is_digit(c); }
bool is_graph(unsigned char c) { return c > 32 && c < 127; }

bool in_class(unsigned char c, char name) {
  switch (name) {
    case 'a': return is_lower(c) || is_upper(c);
    case 'c': return c < 32 || c == 127;
    case 'd': return is_digit(c);
    case 'g': return is_graph(c);
    case 'l': return is_lower(c);
    case 'p': return is_graph(c) && !is_alnum(c);
    case 's': return c == ' ' || (c >= 9 && c <= 13);
    case 'u': return is_upper(c);
    case 'w': return is_alnum(c);
    case 'x': return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    case 'z': return c == 0;
    default: return static_cast<unsigned char>(name) == c;
  }
}

// %a, %A, and % before any other character.
bool matches_escape(unsigned char c, char name) {
  const char lower = static_cast<char>(name | 0x20);
  if (is_upper(static_cast<unsigned char>(name)) && std::strchr("acdglpsuwxz", lower) != nullptr) {
    return !in_class(c, lower);
  }
  return in_class(c, name);
}

}  // namespace

class PatternMatcher::Depth {
 public:
  explicit Depth(PatternMatcher &m) : matcher_(m) {
    if (matcher_.depth_ >= most_depth) fail(MRUN_SCRIPT, "pattern too complex");
    ++matcher_.depth_;
  }
  ~Depth() { --matcher_.depth_; }
  Depth(const Depth &) = delete;
  Depth &operator=(const Depth &) = delete;

 private:
  PatternMatcher &matcher_;
};

PatternMatcher::PatternMatcher(std::string_view subject, std::string_view pattern, std::function<void()> poll)
    : begin_(subject.data()),
      end_(subject.data() + subject.size()),
      pattern_(pattern.data()),
      pattern_end_(pattern.data() + pattern.size()),
      poll_(std::move(poll)),
      steps_(poll_steps) {}

void PatternMatcher::look() {
  steps_ = poll_steps;
  poll_();
}

const char *PatternMatcher::match(const char *from) {
  level_ = 0;
  return match(from, pattern_);
}

const PatternMatcher::Capture &PatternMatcher::capture(int i) const {
  if (captures_[i].size == open) fail(MRUN_SCRIPT, "unfinished capture in a pattern");
  return captures_[i];
}

const char *PatternMatcher::match(const char *s, const char *p) {
  const Depth depth(*this);
  for (;;) {
    step();
    if (p == pattern_end_) return s;
    const char escaped = *p == '%' && p + 1 < pattern_end_ ? p[1] : 0;
    if (*p == '(') {
      const bool place = p + 1 < pattern_end_ && p[1] == ')';
      return place ? begin_capture(s, p + 2, position) : begin_capture(s, p + 1, open);
    }
    if (*p == ')') return end_capture(s, p + 1);
    if (*p == '$' && p + 1 == pattern_end_) return s == end_ ? s : nullptr;
    if (escaped == 'b') {
      s = balance(s, p + 2);
      if (s == nullptr) return nullptr;
      p += 4;
      continue;
    }
    if (escaped == 'f') {
      p += 2;
      if (p >= pattern_end_ || *p != '[') fail(MRUN_SCRIPT, "missing '[' after '%f' in a pattern");
      const char *const set_end = class_end(p);
      if (!frontier(s, p, set_end)) return nullptr;
      p = set_end;
      continue;
    }
    if (is_digit(static_cast<unsigned char>(escaped))) {
      s = back_reference(s, escaped);
      if (s == nullptr) return nullptr;
      p += 2;
      continue;
    }
    const char *const next = class_end(p);
    const char repeat = next < pattern_end_ ? *next : 0;
    if (repeat == '*') return longest(s, p, next);
    if (repeat == '-') return shortest(s, p, next);
    const bool one = single(s, p, next);
    if (repeat == '?') {
      if (one) {
        if (const char *end = match(s + 1, next + 1)) return end;
      }
      p = next + 1;
      continue;
    }
    if (!one) return nullptr;
    if (repeat == '+') return longest(s + 1, p, next);
    ++s;
    p = next;
  }
}

const char *PatternMatcher::begin_capture(const char *s, const char *p, ptrdiff_t what) {
  if (level_ >= most_captures) fail(MRUN_SCRIPT, "too many captures in a pattern");
  captures_[level_++] = {s, what};
  const char *end = match(s, p);
  if (end == nullptr) --level_;
  return end;
}

const char *PatternMatcher::end_capture(const char *s, const char *p) {
  int i = level_ - 1;
  while (i >= 0 && captures_[i].size != open) --i;
  if (i < 0) fail(MRUN_SCRIPT, "invalid pattern capture: ')' without '('");
  captures_[i].size = s - captures_[i].begin;
  const char *end = match(s, p);
  if (end == nullptr) captures_[i].size = open;
  return end;
}

const char *PatternMatcher::back_reference(const char *s, char digit) {
  const int i = digit - '1';
  if (i < 0 || i >= level_ || captures_[i].size == open)
    fail(MRUN_SCRIPT, "invalid capture index %{} in a pattern", digit);
  const ptrdiff_t size = captures_[i].size;
  if (size < 0 || end_ - s < size || std::memcmp(captures_[i].begin, s, static_cast<size_t>(size)) != 0) return nullptr;
  spend(size);
  return s + size;
}

const char *PatternMatcher::balance(const char *s, const char *p) {
  if (pattern_end_ - p < 2) fail(MRUN_SCRIPT, "unbalanced pattern: '%b' needs two characters");
  if (s >= end_ || *s != *p) return nullptr;
  int depth = 1;
  for (++s; s < end_; ++s) {
    step();
    if (*s == p[1]) {
      if (--depth == 0) return s + 1;
    } else if (*s == *p) {
      ++depth;
    }
  }
  return nullptr;
}

const char *PatternMatcher::longest(const char *s, const char *p, const char *next) {
  const char *at = s;
  for (; single(at, p, next); ++at) step();
  for (;; --at) {
    if (const char *end = match(at, next + 1)) return end;
    if (at == s) return nullptr;
  }
}

const char *PatternMatcher::shortest(const char *s, const char *p, const char *next) {
  for (;; ++s) {
    if (const char *end = match(s, next + 1)) return end;
    if (!single(s, p, next)) return nullptr;
  }
}

const char *PatternMatcher::class_end(const char *p) {
  const char *const begin = p;
  const char c = *p++;
  if (c == '%') {
    if (p == pattern_end_) fail(MRUN_SCRIPT, "malformed pattern: it ends with '%'");
    return p + 1;
  }
  if (c != '[') return p;
  if (p < pattern_end_ && *p == '^') ++p;
  do {  // a first ']' stands for itself
    if (p == pattern_end_) fail(MRUN_SCRIPT, "malformed pattern: missing ']'");
    const char in = *p++;
    if (in == '%') {
      if (p == pattern_end_) fail(MRUN_SCRIPT, "malformed pattern: missing ']'");
      ++p;
    }
  } while (p == pattern_end_ || *p != ']');
  spend(p - begin);
  return p + 1;
}

// p: at '['; end: behind ']'.
bool PatternMatcher::in_set(unsigned char c, const char *p, const char *end) {
  spend(end - p);
  bool found = true;
  const char *const last = end - 1;
  ++p;
  if (*p == '^') {
    found = false;
    ++p;
  }
  for (bool first = true; first || p < last; first = false) {
    if (*p == '%') {
      if (matches_escape(c, p[1])) return found;
      p += 2;
    } else if (p[1] == '-' && p + 2 < last) {
      if (static_cast<unsigned char>(*p) <= c && c <= static_cast<unsigned char>(p[2])) return found;
      p += 3;
    } else {
      if (static_cast<unsigned char>(*p) == c) return found;
      ++p;
    }
  }
  return !found;
}

bool PatternMatcher::single(const char *s, const char *p, const char *end) {
  if (s >= end_) return false;
  const auto c = static_cast<unsigned char>(*s);
  switch (*p) {
    case '.': return true;
    case '%': return matches_escape(c, p[1]);
    case '[': return in_set(c, p, end);
    default: return static_cast<unsigned char>(*p) == c;
  }
}

bool PatternMatcher::frontier(const char *s, const char *p, const char *end) {
  const auto before = static_cast<unsigned char>(s == begin_ ? 0 : s[-1]);
  const auto here = static_cast<unsigned char>(s < end_ ? *s : 0);
  return !in_set(before, p, end) && in_set(here, p, end);
}

}  // namespace mrun
