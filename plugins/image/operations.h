// What op_*.cpp share, and what each of them registers.
#pragma once
#include <mrun/plugin_kit.hpp>

#include "geometry.h"
#include "picture.h"
#include "sizes.h"

namespace image {

using mrun::call;
using mrun::tensor;
using mrun::value;

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;

void add_codec(const mrun::registrar &);
void add_size(const mrun::registrar &);
void add_colour(const mrun::registrar &);
void add_draw(const mrun::registrar &);
void add_warp(const mrun::registrar &);

// n (a square) or {height, width}.
Size pair(const char *name, const Ints &size);
// What an option gives for the pixels that the picture does not have. A fraction of 0 to 1 of a uint8 picture is told of.
Colour colour(const call &, const char *option, const Picture &, const std::optional<Floats> &given, double otherwise);
void want_u8(const Picture &);

struct Edges {
  double left, top, right, bottom;
};
// A tensor [n, 4] or a list of lists of four numbers: left, top, right, bottom.
std::vector<Edges> boxes_of(const call &, const value &);

// The whole of a picture, for operations that read all of it.
inline Node::Part whole(HostContext &context, const Picture &p) {
  return p.node->part(context, Rect::whole(p.shape()));
}

}  // namespace image
