// Pixels to files in memory, with the settings of Pillow's save: JPEG with 4:2:0 and the standard tables, PNG.
#pragma once
#include <vector>

#include "pixels.h"

namespace image {

// uint8, 1 (L) or 3 (RGB) channels; quality 1 to 100.
std::vector<uint8_t> encode_jpeg(Context &, View, int quality);
// uint8, 1 (L), 2 (LA), 3 (RGB) or 4 (RGBA) channels.
std::vector<uint8_t> encode_png(Context &, View);

}  // namespace image
