#include "splitters.h"

#include "unicode.h"
#include "utf8.h"

namespace text {
namespace {

constexpr uint8_t any = class_space | class_letter | class_number;

// The kind of the character at `at` (0: neither space, letter nor number), which moves behind it.
uint8_t next_kind(std::string_view s, size_t &at) { return char_class(utf8_next(s, at)) & any; }

// The end of the characters from `at` on whose kind is `kind`, at most `most`.
size_t run_end(std::string_view s, size_t at, uint8_t kind, int most = -1) {
  while (at < s.size() && most != 0) {
    size_t next = at;
    if (next_kind(s, next) != kind) break;
    at = next;
    if (most > 0) --most;
  }
  return at;
}

bool is_line_end(char c) { return c == '\r' || c == '\n'; }

// \s+(?!\S)|\s+ on the white space [at, end): all of it at the end of the text, else all but the last character, which
// belongs to the next part; a single one is a part.
size_t space_end(std::string_view s, size_t at, size_t end) {
  if (end == s.size()) return end;
  size_t last = end;
  utf8_previous(s, last);
  return last > at ? last : end;
}

// The length of 's 't 'm 'd 're 've 'll at `at`, 0 where there is none.
template <bool any_case>
size_t contraction(std::string_view s, size_t at) {
  auto letter = [&](size_t i) {
    const char c = at + i < s.size() ? s[at + i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  };
  if (s[at] != '\'') return 0;
  const char a = letter(1), b = letter(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
  if (any_case && s.substr(at + 1, 2) == "\u017f") return 3;  // the long s is an s in any case
  return 0;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <int digits>
size_t split_gpt4(std::string_view s, size_t at) {
  if (const size_t n = contraction<true>(s, at)) return at + n;
  size_t next = at;
  const uint8_t kind = next_kind(s, next);
  if (kind == class_letter) return run_end(s, next, class_letter);
  if (kind == class_number) return run_end(s, next, class_number, digits - 1);
  if (!is_line_end(s[at])) {
    const size_t end = run_end(s, next, class_letter);
    if (end > next) return end;
  }
  if (kind == 0 || s[at] == ' ') {
    size_t end = run_end(s, kind == 0 ? at : next, 0);
    if (end > next || kind == 0) {
      while (end < s.size() && is_line_end(s[end])) ++end;
      return end;
    }
  }
  const size_t end = run_end(s, next, class_space);
  for (size_t last = end; last > at; --last)
    if (is_line_end(s[last - 1])) return last;
  return space_end(s, at, end);
}

}  // namespace

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t split_gpt2(std::string_view s, size_t at) {
  if (const size_t n = contraction<false>(s, at)) return at + n;
  size_t next = at;
  const uint8_t kind = next_kind(s, next);
  if (kind != class_space) return run_end(s, next, kind);
  if (s[at] == ' ' && next < s.size()) {
    size_t second = next;
    const uint8_t after = next_kind(s, second);
    if (after != class_space) return run_end(s, second, after);
  }
  return space_end(s, at, run_end(s, next, class_space));
}

Splitter known_splitter(std::string_view pattern) {
  struct Known {
    std::string_view pattern;
    Splitter splitter;
  };
  static const Known known[] = {
      {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", split_gpt2},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       split_gpt4<3>},
      {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
       split_gpt4<1>},
      {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
       split_gpt4<3>},
  };
  for (const Known &k : known)
    if (k.pattern == pattern) return k.splitter;
  return nullptr;
}

}  // namespace text
