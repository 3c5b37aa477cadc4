// Numbers in the bytes of a file. The caller has checked that they are there.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace audio {

inline uint64_t number(std::string_view s, size_t at, int width, bool big) {
  uint64_t v = 0;
  for (int i = 0; i < width; ++i) {
    const auto byte = static_cast<unsigned char>(s[at + size_t(big ? i : width - 1 - i)]);
    v = v << 8 | byte;
  }
  return v;
}
inline std::array<char, 4> length_bytes(uint64_t size, bool big) {
  std::array<char, 4> b{};
  for (size_t i = 0; i < 4; ++i) b[big ? 3 - i : i] = char(size >> 8 * i & 255);
  return b;
}
inline bool has(std::string_view s, size_t at, std::string_view magic) {
  return at <= s.size() && s.substr(at, magic.size()) == magic;
}
// The bytes of the ID3 tag that begins here, as it says; 0 where none does.
inline size_t id3_size(std::string_view s, size_t at) {
  constexpr size_t head = 10;
  constexpr uint64_t has_footer = 0x10;
  if (!has(s, at, "ID3") || s.size() - at < head) return 0;
  size_t size = 0;  // four times seven bits
  for (size_t i = 6; i < head; ++i) size = size << 7 | (number(s, at + i, 1, true) & 127);
  return size + head + ((number(s, at + 5, 1, true) & has_footer) != 0 ? head : 0);
}

}  // namespace audio
