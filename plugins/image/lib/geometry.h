// Moving pixels without changing them.
#pragma once
#include <vector>

#include "pixels.h"

namespace image {

// One value a channel, or one for all. Error (argument): another number of them, or, for uint8, not 0 to 255.
using Colour = std::vector<double>;
void fill(Canvas, const Colour &);

// The rectangle of `in`; what lies beyond its edges is zero. out has the rectangle's size.
void crop(View in, const Rect &, Canvas out);

void flip(View in, bool horizontal, Canvas out);

// Turns an image upright by its EXIF orientation (1 to 8); out has the shape oriented().
Shape oriented(const Shape &in, int orientation);
void orient(View in, int orientation, Canvas out);

}  // namespace image
