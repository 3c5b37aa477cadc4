#include "utf8.h"

namespace text {
namespace {

// Length of the well-formed sequence at `at` (Unicode 15, table 3-7), or, negated, of the maximal ill-formed part
// there.
int sequence(std::string_view s, size_t at) {
  auto byte = [&](size_t i) { return at + i < s.size() ? static_cast<unsigned char>(s[at + i]) : 0; };
  unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  unsigned low = 0x80, high = 0xbf;
  int width = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    width = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    width = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    width = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return -1;
  }
  for (int i = 1; i < width; ++i) {
    unsigned b = byte(size_t(i));
    if (b < low || b > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return width;
}

}  // namespace

void utf8_append(std::string &out, char32_t c) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += {char(0xc0 | c >> 6), char(0x80 | (c & 0x3f))};
  } else if (c < 0x10000) {
    out += {char(0xe0 | c >> 12), char(0x80 | (c >> 6 & 0x3f)), char(0x80 | (c & 0x3f))};
  } else {
    out += {char(0xf0 | c >> 18), char(0x80 | (c >> 12 & 0x3f)), char(0x80 | (c >> 6 & 0x3f)), char(0x80 | (c & 0x3f))};
  }
}

size_t utf8_valid_prefix(std::string_view s) {
  size_t at = 0;
  while (at < s.size()) {
    if (static_cast<unsigned char>(s[at]) < 0x80) {
      ++at;
      continue;
    }
    int n = sequence(s, at);
    if (n < 0) break;
    at += size_t(n);
  }
  return at;
}

void require_utf8(std::string_view s, const char *what) {
  size_t good = utf8_valid_prefix(s);
  if (good == s.size()) return;
  static const char digits[] = "0123456789abcdef";
  auto bad = static_cast<unsigned char>(s[good]);
  bad_input(std::string(what) + " is not valid UTF-8: byte 0x" + digits[bad >> 4] + digits[bad & 15] + " at position " +
            std::to_string(good) + "; text.repair makes a text of any bytes");
}

std::string utf8_repair(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t at = 0; at < s.size();) {
    int n = sequence(s, at);
    if (n > 0) {
      out.append(s, at, size_t(n));
      at += size_t(n);
    } else {
      out += "\xef\xbf\xbd";
      at += size_t(-n);
    }
  }
  return out;
}

size_t utf8_length(std::string_view s) {
  size_t n = 0;
  for (char c : s) n += !is_continuation(c);
  return n;
}

}  // namespace text
