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

}  // namespace audio
