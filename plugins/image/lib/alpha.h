// Colour premultiplied by alpha and back, as Pillow's RGBA <-> RGBa (LA <-> La). The last channel is alpha.
#pragma once
#include <cstdint>

namespace image {

void premultiply(const uint8_t *in, uint8_t *out, int pixels, int channels);
void unpremultiply(uint8_t *row, int pixels, int channels);

}  // namespace image
