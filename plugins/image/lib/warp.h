// Rotation, affine and perspective warps equal to Pillow's Image.rotate and Image.transform (Geometry.c), byte for
// byte: the matrix takes positions in the result to positions in the source; pixels beyond the source are `fill`.
#pragma once
#include <array>
#include <optional>

#include "geometry.h"
#include "resample.h"

namespace image {

// x = (a x' + b y' + c) / w, y = (d x' + e y' + f) / w, w = g x' + h y' + 1; pixel centres lie at halves.
struct Warp {
  std::array<double, 8> m{1, 0, 0, 0, 1, 0, 0, 0};
  bool perspective = false;
};

// filter: nearest, bilinear or bicubic (no smoothing when the image shrinks). Error (argument): another.
void warp(Context &, View in, const Warp &, Filter, const Colour &fill, Canvas out);

struct Rotation {
  Warp matrix;
  int height = 0, width = 0;  // of the result
  int quarter = -1;           // 0 to 3: so many quarter turns, which move pixels only; -1: use the matrix
};
// Counter-clockwise, around the centre {x, y} or the middle; expand: the result holds all of the source.
Rotation rotation(int height, int width, double degrees, bool expand, std::optional<std::array<double, 2>> centre);
void rotate(Context &, View in, const Rotation &, Filter, const Colour &fill, Canvas out);

}  // namespace image
