// What a lossless WebP stream (VP8L) makes libwebp take from the system besides its pixels.
#pragma once
#include "pixels.h"

namespace image {

// For the tables of its prefix codes: one set of some 12 KB for each group of blocks, up to 65,536 of them, of which the
// file has 20 bits each. data: a frame's chunks ("ALPH", "VP8 ", "VP8L"), or a stream alone. The sides are the frame's.
size_t webp_table_bytes(Context &context, const uint8_t *data, size_t size, int width, int height);

}  // namespace image
