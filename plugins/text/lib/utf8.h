// UTF-8: checking, stepping, counting. Every text that enters the plugin passes `require_utf8` first; what comes after
// may step through it without checks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "error.h"

namespace text {

// Bytes of the character that begins with `lead`, in valid UTF-8.
inline size_t utf8_width(unsigned char lead) { return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

inline bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The character at `at`, which advances behind it. Valid UTF-8, at < s.size().
inline char32_t utf8_next(std::string_view s, size_t &at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(s[at + i]); };
  unsigned char lead = byte(0);
  char32_t c = lead;
  if (lead < 0x80) {
    at += 1;
  } else if (lead < 0xe0) {
    c = char32_t(lead & 0x1f) << 6 | (byte(1) & 0x3f);
    at += 2;
  } else if (lead < 0xf0) {
    c = char32_t(lead & 0x0f) << 12 | char32_t(byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    at += 3;
  } else {
    c = char32_t(lead & 0x07) << 18 | char32_t(byte(1) & 0x3f) << 12 | char32_t(byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    at += 4;
  }
  return c;
}

// The character that ends at `end` (> 0), which moves back to its first byte.
inline char32_t utf8_previous(std::string_view s, size_t &end) {
  do --end;
  while (end > 0 && is_continuation(s[end]));
  size_t at = end;
  return utf8_next(s, at);
}

void utf8_append(std::string &out, char32_t c);

// Bytes up to the first ill-formed one (surrogates, overlong forms and code points above 10FFFF are ill-formed);
// s.size() where there is none.
size_t utf8_valid_prefix(std::string_view s);

// Throws Error (input) that names the first bad byte's position.
void require_utf8(std::string_view s, const char *what);

// Every maximal ill-formed part becomes one U+FFFD, as Python's bytes.decode("utf-8", "replace") and the web do.
std::string utf8_repair(std::string_view s);

// Number of characters.
size_t utf8_length(std::string_view s);

}  // namespace text
