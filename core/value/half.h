// The 16-bit floats: every value of theirs is a float32; the way back rounds to the nearest, ties to even.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace mrun {

inline float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

// IEEE 754 binary16.
inline float from_half(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;  // zero and subnormals, exact
  return sign != 0 ? -small : small;
}

inline uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

inline uint16_t to_half(float value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000u : 0);
  const float size = std::fabs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7E00u);
  if (size >= 65520) return static_cast<uint16_t>(sign | 0x7C00u);  // rounds to infinity
  // In units of the last place; a fraction that rounds up to 2048 carries into the exponent by itself. nearbyint rounds ties to
  // even in the processor's default mode, which nothing here changes.
  const int exponent = size < 0x1p-14f ? -14 : std::ilogb(size);
  const auto fraction = static_cast<uint32_t>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return static_cast<uint16_t>(sign | ((static_cast<uint32_t>(exponent + 14) << 10) + fraction));
}

}  // namespace mrun
