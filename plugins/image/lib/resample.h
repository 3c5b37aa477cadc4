// Resampling equal to Pillow's Image.resize, bit for bit (libImaging: Resample.c, Geometry.c, Reduce.c as of 9.4):
// uint8 with 1 (L), 2 (LA), 3 (RGB) or 4 (RGBA) channels in 22-bit fixed point, horizontal pass first into uint8,
// colour premultiplied by alpha; float32 with any number of channels (each like mode F) in double. Only the source
// pixels that a wanted part of the result needs are read, so that a crop costs what the crop holds.
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "pixels.h"

namespace image {

enum class Filter { nearest, box, bilinear, hamming, bicubic, lanczos };
Filter filter_by_name(std::string_view name);  // Error: argument

// The weights of one axis, for outputs [first, first + count) of `out`.
struct Axis {
  int taps = 0;                  // weights an output, at most; `weights` has so many each, zero-filled
  std::vector<int> start, size;  // the source pixels of each output: [start, start + size)
  std::vector<double> weights;
  bool pass = true;  // false: the axis keeps its pixels, start[i] = first + i, and has no weights
};
// At least the bytes of the weights of `count` outputs, in all the forms in which they are held.
size_t axis_bytes(Filter, int in, int out, int count);
Axis resample_axis(Filter, int in, float box_first, float box_last, int out, int first, int count);

struct Resize {
  int in_height = 0, in_width = 0, out_height = 0, out_width = 0;
  Filter filter = Filter::bilinear;
  float box[4] = {0, 0, 0, 0};  // left, top, right, bottom in the source; may cut pixels
};
Resize whole_resize(int in_height, int in_width, int out_height, int out_width, Filter);

// Computes one part of one resize: made once, run on as many images of that size as wanted.
class Resampler {
 public:
  // part: of the result. Memory for weights is in proportion to the sides, not to the area; it is charged to the
  // context, which must outlive this.
  Resampler(Context &, const Resize &, const Rect &part);
  // The source pixels that run reads.
  Rect needs() const { return needs_; }
  // source: the pixels `needs()` of the image, 1 to 4 channels if uint8. out: the size of the part.
  void run(Context &, View source, Canvas out) const;

 private:
  void run_u8(Context &, View source, Canvas out) const;
  void run_f32(Context &, View source, Canvas out) const;
  void run_nearest(View source, Canvas out) const;
  Charge weights_;
  Resize resize_;
  Rect part_, needs_;
  Axis horizontal_, vertical_;
};

// Pillow's resize with reducing_gap (0: none): large shrinking happens in two steps, box averages first. Images with
// alpha are not reduced, as there.
void resize(Context &, View source, Canvas out, Filter, double reducing_gap = 0);
// Part `box` (left, top, right, bottom, in source pixels, fractions allowed) of the source.
void resize_box(Context &, View source, const float box[4], Canvas out, Filter);

// Image.reduce: averages of fy x fx pixels of `box`; out is ceil(box / f).
void reduce(View source, const Rect &box, int factor_y, int factor_x, Canvas out);

// OpenCV's resize with INTER_LINEAR: no anti-aliasing when shrinking.
void resize_linear(View source, Canvas out);

}  // namespace image
