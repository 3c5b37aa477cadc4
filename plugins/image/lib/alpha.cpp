#include "alpha.h"

#include <algorithm>

namespace image {
namespace {

template <int channels>
void premultiply_row(const uint8_t *in, uint8_t *out, int pixels) {
  for (int i = 0; i < pixels; ++i, in += channels, out += channels) {
    const unsigned alpha = in[channels - 1];
    for (int c = 0; c < channels - 1; ++c) {
      const unsigned t = in[c] * alpha + 128;
      out[c] = uint8_t(((t >> 8) + t) >> 8);
    }
    out[channels - 1] = uint8_t(alpha);
  }
}

template <int channels>
void unpremultiply_row(uint8_t *row, int pixels) {
  for (int i = 0; i < pixels; ++i, row += channels) {
    const unsigned alpha = row[channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (int c = 0; c < channels - 1; ++c) row[c] = uint8_t(std::min(255u, 255u * row[c] / alpha));
  }
}

}  // namespace

void premultiply(const uint8_t *in, uint8_t *out, int pixels, int channels) {
  channels == 2 ? premultiply_row<2>(in, out, pixels) : premultiply_row<4>(in, out, pixels);
}

void unpremultiply(uint8_t *row, int pixels, int channels) {
  channels == 2 ? unpremultiply_row<2>(row, pixels) : unpremultiply_row<4>(row, pixels);
}

}  // namespace image
