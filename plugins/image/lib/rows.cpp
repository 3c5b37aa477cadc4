#include "rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "alpha.h"

namespace image {
namespace {

struct Rgba {
  uint8_t r, g, b, a;
};

uint8_t ink(uint8_t c, int light) {
  const int t = c * light + 128;
  return uint8_t(std::clamp(light - (((t >> 8) + t) >> 8), 0, 255));
}

// The value of a kind that has more than 8 bits.
template <Native from>
double wide(const uint8_t *in) {
  std::conditional_t<from == Native::grey16, uint16_t, std::conditional_t<from == Native::grey32, int32_t, float>> v;
  std::memcpy(&v, in, sizeof v);
  return std::isnan(double(v)) ? 0 : double(v);
}

template <Native from>
Rgba load(const uint8_t *in, const Palette *palette) {
  if constexpr (from == Native::grey) return {in[0], in[0], in[0], 255};
  if constexpr (from == Native::grey_alpha) return {in[0], in[0], in[0], in[1]};
  if constexpr (from == Native::grey_alpha_premultiplied) {
    uint8_t p[2] = {in[0], in[1]};
    if (p[1] == 0) return {0, 0, 0, 0};
    unpremultiply(p, 1, 2);
    return {p[0], p[0], p[0], p[1]};
  }
  if constexpr (from == Native::rgb) return {in[0], in[1], in[2], 255};
  if constexpr (from == Native::rgba) return {in[0], in[1], in[2], in[3]};
  if constexpr (from == Native::rgba_premultiplied) {
    uint8_t p[4] = {in[0], in[1], in[2], in[3]};
    if (p[3] == 0) return {0, 0, 0, 0};
    unpremultiply(p, 1, 4);
    return {p[0], p[1], p[2], p[3]};
  }
  if constexpr (from == Native::cmyk || from == Native::cmyk_alpha) {
    const int light = 255 - in[3];
    const uint8_t alpha = from == Native::cmyk ? 255 : in[4];
    return {ink(in[0], light), ink(in[1], light), ink(in[2], light), alpha};
  }
  if constexpr (from == Native::palette) {
    const auto &c = palette->colours[in[0]];
    return {c[0], c[1], c[2], c[3]};
  }
  if constexpr (from == Native::palette_alpha) {
    const auto &c = palette->colours[in[0]];
    return {c[0], c[1], c[2], in[1]};
  }
  if constexpr (from == Native::grey16 || from == Native::grey32 || from == Native::real) {
    const auto g = uint8_t(std::clamp<double>(wide<from>(in), 0, 255));
    return {g, g, g, 255};
  }
}

constexpr bool is_wide(Native n) { return n == Native::grey16 || n == Native::grey32 || n == Native::real; }

// Grey stays grey: its luma would be the same, but costs.
constexpr bool is_grey(Native n) {
  return n == Native::grey || n == Native::grey_alpha || n == Native::grey_alpha_premultiplied || is_wide(n);
}

template <class T>
uint8_t *store(uint8_t *out, T value) {
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

int32_t whole(double v) { return int32_t(std::clamp(std::trunc(v), -2147483648.0, 2147483647.0)); }

// Modes I;16, I and F: what is wide keeps its value, colours become their luma, F's with its fraction.
template <Native from>
void convert_wide(const RowConverter &how, const uint8_t *in, uint8_t *out, int pixels) {
  const int step = native_bytes(from);
  for (int i = 0; i < pixels; ++i, in += step) {
    if constexpr (from == Native::real) {
      float v;
      std::memcpy(&v, in, sizeof v);
      if (how.to == Mode::F) {
        out = store(out, v);
        continue;
      }
    }
    double v = 0;
    if constexpr (is_wide(from)) {
      v = wide<from>(in);
    } else {
      const Rgba p = load<from>(in, how.palette);
      const uint8_t rgb[3] = {p.r, p.g, p.b};
      if (is_grey(from))
        v = p.r;
      else if (how.to == Mode::F)
        v = double(float(p.r * 299 + p.g * 587 + p.b * 114) / 1000.0F);
      else
        v = luma(rgb);
    }
    if (how.to == Mode::F)
      out = store(out, float(v));
    else
      out = store(out, how.to == Mode::I ? whole(v) : std::clamp(whole(v), 0, 65535));
  }
}

template <Native from>
void convert(const RowConverter &how, const uint8_t *in, uint8_t *out, int pixels) {
  if (type_of(how.to) != Type::u8) return convert_wide<from>(how, in, out, pixels);
  const int step = native_bytes(from);
  for (int i = 0; i < pixels; ++i, in += step) {
    Rgba p = load<from>(in, how.palette);
    switch (how.to) {
      case Mode::L: {
        const uint8_t rgb[3] = {p.r, p.g, p.b};
        *out++ = is_grey(from) ? p.r : luma(rgb);
        break;
      }
      case Mode::RGB:
        out[0] = p.r;
        out[1] = p.g;
        out[2] = p.b;
        out += 3;
        break;
      case Mode::RGBA:
        if (how.transparent && *how.transparent == std::array{p.r, p.g, p.b}) p.a = 0;
        out[0] = p.r;
        out[1] = p.g;
        out[2] = p.b;
        out[3] = p.a;
        out += 4;
        break;
      default: break;  // convert_wide's
    }
  }
}

}  // namespace

int native_bytes(Native n) {
  switch (n) {
    case Native::grey:
    case Native::palette: return 1;
    case Native::grey_alpha:
    case Native::grey_alpha_premultiplied:
    case Native::palette_alpha:
    case Native::grey16: return 2;
    case Native::rgb: return 3;
    case Native::rgba:
    case Native::rgba_premultiplied:
    case Native::cmyk:
    case Native::grey32:
    case Native::real: return 4;
    case Native::cmyk_alpha: return 5;
  }
  return 0;
}

Palette::Palette() {
  for (size_t i = 0; i < 256; ++i) colours[i] = {uint8_t(i), uint8_t(i), uint8_t(i), 255};
}

bool RowConverter::copies() const {
  return (from == Native::grey && to == Mode::L) || (from == Native::rgb && to == Mode::RGB) ||
         (from == Native::rgba && to == Mode::RGBA);
}

void RowConverter::operator()(const uint8_t *in, uint8_t *out, int pixels) const {
  if (copies()) {
    std::memmove(out, in, size_t(pixels) * size_t(native_bytes(from)));
    return;
  }
  switch (from) {
    case Native::grey: return convert<Native::grey>(*this, in, out, pixels);
    case Native::grey_alpha: return convert<Native::grey_alpha>(*this, in, out, pixels);
    case Native::grey_alpha_premultiplied: return convert<Native::grey_alpha_premultiplied>(*this, in, out, pixels);
    case Native::rgb: return convert<Native::rgb>(*this, in, out, pixels);
    case Native::rgba: return convert<Native::rgba>(*this, in, out, pixels);
    case Native::rgba_premultiplied: return convert<Native::rgba_premultiplied>(*this, in, out, pixels);
    case Native::cmyk: return convert<Native::cmyk>(*this, in, out, pixels);
    case Native::cmyk_alpha: return convert<Native::cmyk_alpha>(*this, in, out, pixels);
    case Native::palette: return convert<Native::palette>(*this, in, out, pixels);
    case Native::palette_alpha: return convert<Native::palette_alpha>(*this, in, out, pixels);
    case Native::grey16: return convert<Native::grey16>(*this, in, out, pixels);
    case Native::grey32: return convert<Native::grey32>(*this, in, out, pixels);
    case Native::real: return convert<Native::real>(*this, in, out, pixels);
  }
}

}  // namespace image
