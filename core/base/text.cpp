#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace mrun {
namespace {

// C0 and C1 controls, line and paragraph separators, what changes direction, has no width, or is a tag.
bool deceptive(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0xAD || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

std::string escape(uint32_t c) {
  switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return c < 0x80 ? fmt::format("\\x{:02x}", c) : fmt::format("\\u{{{:x}}}", c);
  }
}

// Where the characters of ASCII that begin at `at` end. Most texts are mostly these: eight are looked at at once.
size_t ascii_end(std::string_view s, size_t at) {
  constexpr uint64_t tops = 0x8080808080808080;
  for (uint64_t eight = 0; at + sizeof eight <= s.size(); at += sizeof eight) {
    std::memcpy(&eight, s.data() + at, sizeof eight);
    if ((eight & tops) != 0) break;
  }
  while (at < s.size() && static_cast<unsigned char>(s[at]) < 0x80) ++at;
  return at;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Optimal string alignment distance (edits, and swaps of neighbours, none edited twice); more than `limit` is given as limit + 1.
// Of its table three rows are kept: a swap looks two up.
size_t distance(std::string_view a, std::string_view b, size_t limit) {
  if ((a.size() > b.size() ? a.size() - b.size() : b.size() - a.size()) > limit) return limit + 1;
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return std::min(above[b.size()], limit + 1);
}

}  // namespace

size_t utf8_length(std::string_view s, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[at + i]); };
  const size_t left = at < s.size() ? s.size() - at : 0;
  const auto tail = [&](size_t i) { return i < left && (byte(i) & 0xC0) == 0x80; };
  if (left == 0) return 0;
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(1) || !tail(2) || (c == 0xE0 && byte(1) < 0xA0) || (c == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3) || (c == 0xF0 && byte(1) < 0x90) || (c == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

char32_t utf8_decode(std::string_view c) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(c[i])); };
  if (c.size() == 1) return byte(0);
  uint32_t point = byte(0) & (0xFFu >> (c.size() + 1));
  for (size_t i = 1; i < c.size(); ++i) point = point << 6 | (byte(i) & 0x3F);
  return point;
}

size_t utf8_until(std::string_view s) {
  size_t at = ascii_end(s, 0);
  while (at < s.size()) {
    const size_t length = utf8_length(s, at);
    if (length == 0) break;
    at = ascii_end(s, at + length);
  }
  return at;
}

bool valid_utf8(std::string_view s) { return utf8_until(s) == s.size(); }

bool contains(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

std::string_view trimmed(std::string_view line) {
  const size_t begin = std::min(line.find_first_not_of(" \t\r"), line.size());
  return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

std::string printable(std::string_view s, size_t most) {
  std::string out;
  for (size_t at = 0; at < s.size();) {
    if (out.size() >= most) return out + "…";
    const size_t length = utf8_length(s, at);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(s[at++]));
      continue;
    }
    const uint32_t c = utf8_decode(s.substr(at, length));
    if (deceptive(c)) {
      out += escape(c);
    } else {
      out += s.substr(at, length);
    }
    at += length;
  }
  return out;
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates, size_t most) {
  constexpr size_t longest = 200;  // longer names come from no typing error, and would cost time
  if (name.empty() || name.size() > longest) return {};
  const size_t limit = name.size() <= 4 ? 1 : name.size() <= 8 ? 2 : 3;  // more would find short names everywhere
  std::vector<std::pair<size_t, const std::string *>> found;
  for (const std::string &candidate : candidates) {
    const size_t edits = distance(name, candidate, limit);
    const bool begins = !candidate.empty() && lower(name[0]) == lower(candidate[0]);
    if (edits > 1 && name.size() <= 6 && !begins) continue;  // `catch` is not `math`
    if (edits <= limit && edits < std::max(name.size(), candidate.size())) found.emplace_back(edits, &candidate);
  }
  std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  });
  std::vector<std::string> names;
  for (size_t i = 0; i < found.size() && names.size() < most; ++i) {
    if (names.empty() || names.back() != *found[i].second) names.push_back(*found[i].second);
  }
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::vector<std::string> names = nearest(name, candidates);
  if (names.empty()) return "";
  std::string text = "; did you mean ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += "'" + printable(names[i]) + "'";
  }
  return text + "?";
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::string> unbase64(std::string_view text) {
  const auto digit = [](char c) -> uint32_t {
    if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a' + 26);
    if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 64;
  };
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    size_t n = 4;
    if (i + 4 == text.size() && text[i + 3] == '=') n = text[i + 2] == '=' ? 2 : 3;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const uint32_t value = k < n ? digit(text[i + k]) : 0;
      if (value > 63) return std::nullopt;
      group = group << 6 | value;
    }
    for (size_t k = 0; k + 1 < n; ++k) out += static_cast<char>(group >> (16 - 8 * k));
  }
  if (base64(out) != text) return std::nullopt;  // bits of the last digit that no byte uses
  return out;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace mrun
