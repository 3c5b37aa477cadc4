#include "geometry.h"

#include <cstring>
#include <mrun/message.hpp>

namespace image {
namespace {

// One pixel of the colour, as bytes.
std::vector<uint8_t> pixel_of(const Shape &shape, const Colour &colour) {
  if (colour.size() != 1 && colour.size() != size_t(shape.channels))
    bad_argument("value has " + mrun::counted(colour.size(), "number") + "; wanted " + std::to_string(shape.channels) +
                 ", one a channel, or 1");
  std::vector<uint8_t> pixel;
  for (int c = 0; c < shape.channels; ++c) {
    const double v = colour[colour.size() == 1 ? 0 : size_t(c)];
    if (shape.type == Type::f32) {
      const float f = float(v);
      const auto *bytes = reinterpret_cast<const uint8_t *>(&f);
      pixel.insert(pixel.end(), bytes, bytes + sizeof f);
    } else {
      if (!(v >= 0 && v <= 255)) bad_argument("value is " + number(v) + "; wanted 0 to 255");
      pixel.push_back(uint8_t(v));
    }
  }
  return pixel;
}

template <class Position>
void gather(View in, Canvas out, Position position) {
  const size_t size = size_t(in.channels * size_of(in.type));
  for (int y = 0; y < out.height; ++y) {
    uint8_t *to = out.row(y);
    for (int x = 0; x < out.width; ++x, to += size) {
      const auto [from_y, from_x] = position(y, x);
      std::memcpy(to, in.pixel(from_y, from_x), size);
    }
  }
}

struct At {
  int y, x;
};

}  // namespace

void fill(Canvas canvas, const Colour &colour) {
  const std::vector<uint8_t> pixel = pixel_of(canvas, colour);
  if (canvas.height == 0) return;
  for (int x = 0; x < canvas.width; ++x) std::memcpy(canvas.pixel(0, x), pixel.data(), pixel.size());
  for (int y = 1; y < canvas.height; ++y) std::memcpy(canvas.row(y), canvas.row(0), canvas.row_bytes());
}

void crop(View in, const Rect &rect, Canvas out) {
  const Rect inside = intersect(rect, Rect::whole(in));
  if (!(inside == rect)) fill(out, {0});
  if (inside.empty()) return;
  copy(in.part(inside), out.part({inside.top - rect.top, inside.left - rect.left, inside.height, inside.width}));
}

void flip(View in, bool horizontal, Canvas out) {
  if (horizontal) return gather(in, out, [&](int y, int x) { return At{y, in.width - 1 - x}; });
  for (int y = 0; y < in.height; ++y) std::memcpy(out.row(y), in.row(in.height - 1 - y), in.row_bytes());
}

Shape oriented(const Shape &in, int orientation) {
  Shape out = in;
  if (orientation >= 5) std::swap(out.height, out.width);
  return out;
}

void orient(View in, int orientation, Canvas out) {
  const int bottom = in.height - 1, right = in.width - 1;
  switch (orientation) {
    case 2: return flip(in, true, out);
    case 3: return gather(in, out, [&](int y, int x) { return At{bottom - y, right - x}; });
    case 4: return flip(in, false, out);
    case 5: return gather(in, out, [&](int y, int x) { return At{x, y}; });
    case 6: return gather(in, out, [&](int y, int x) { return At{bottom - x, y}; });
    case 7: return gather(in, out, [&](int y, int x) { return At{bottom - x, right - y}; });
    case 8: return gather(in, out, [&](int y, int x) { return At{x, right - y}; });
    default: return copy(in, out);
  }
}

}  // namespace image
