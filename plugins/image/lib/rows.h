// Rows as files hold them to the mode that was asked for, by Pillow's conversions.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "decode.h"

namespace image {

enum class Native {
  grey,        // 1 byte
  grey_alpha,  // 2
  grey_alpha_premultiplied,
  rgb,   // 3
  rgba,  // 4
  rgba_premultiplied,
  cmyk,           // 4; 0 is no ink
  cmyk_alpha,     // 5
  palette,        // 1: an index
  palette_alpha,  // 2
  grey16,         // 2, native byte order; values above 255 are 255 in 8 bits, as in Pillow's modes I and I;16
  grey32,         // 4, int32; cut to 0 .. 255 in 8 bits, as in Pillow's mode I
  real,           // 4, float32; as grey32, without its fraction
};
int native_bytes(Native);

struct Palette {
  Palette();  // as Pillow's: entry i is the grey i, opaque
  std::array<std::array<uint8_t, 4>, 256> colours;
};

struct RowConverter {
  Native from = Native::rgb;
  Mode to = Mode::RGB;
  const Palette *palette = nullptr;
  // The colour that is transparent in mode RGBA, of grey, grey16 and rgb; its low bytes count, as in Pillow.
  std::optional<std::array<uint8_t, 3>> transparent;

  bool copies() const;  // in and out are the same bytes
  void operator()(const uint8_t *in, uint8_t *out, int pixels) const;
};

// ITU-R 601-2 luma in 16-bit fixed point, as Pillow's convert("L").
inline uint8_t luma(const uint8_t *rgb) {
  return uint8_t((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

}  // namespace image
