// Colour spaces. L, HSV and YCbCr as Pillow defines them (H, S and V from 0 to 255; full-range YCbCr), byte for byte;
// LAB as OpenCV's 8-bit L*a*b* (D65). All uint8.
#pragma once
#include <string_view>

#include "pixels.h"

namespace image {

enum class Space { L, LA, RGB, RGBA, BGR, HSV, YCbCr, LAB };
Space space_by_name(std::string_view name);  // Error: argument
int channels_of(Space);
// What an image of so many channels is taken for: L, LA, RGB, RGBA.
Space space_of_channels(int channels);

// Through RGB where neither is RGB; alpha is dropped, or 255 where there was none.
void convert(Context &, View in, Space from, Space to, Canvas out);

}  // namespace image
