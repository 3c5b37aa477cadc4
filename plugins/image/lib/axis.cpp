// Weights, in the order and precision of Pillow's precompute_coeffs. Compiled with -ffp-contract=off: a fused
// multiply-add would change the last bit of a weight.
#include <algorithm>
#include <cmath>

#include "resample.h"

namespace image {
namespace {

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= M_PI;
  return std::sin(x) / x;
}

double weight(Filter filter, double x) {
  switch (filter) {
    case Filter::nearest: break;
    case Filter::box: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::bilinear: {
      x = std::fabs(x);
      return x < 1.0 ? 1.0 - x : 0.0;
    }
    case Filter::hamming: {
      x = std::fabs(x);
      if (x == 0.0) return 1.0;
      if (x >= 1.0) return 0.0;
      x *= M_PI;
      return std::sin(x) / x * double(0.54f + 0.46f * std::cos(x));
    }
    case Filter::bicubic: {
      constexpr double a = -0.5;
      x = std::fabs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
      if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
      return 0.0;
    }
    case Filter::lanczos: return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
  }
  return 0.0;
}

double support_of(Filter filter) {
  switch (filter) {
    case Filter::nearest: break;
    case Filter::box: return 0.5;
    case Filter::bilinear:
    case Filter::hamming: return 1.0;
    case Filter::bicubic: return 2.0;
    case Filter::lanczos: return 3.0;
  }
  return 0.0;
}

// Pillow's nearest goes through its affine scaling: the position is accumulated, not multiplied.
Axis nearest_axis(int in, float box_first, float box_last, int out, int first, int count) {
  Axis axis;
  axis.pass = false;
  axis.start.resize(size_t(count));
  axis.size.assign(size_t(count), 1);
  const double step = double(box_last - box_first) / out;
  double position = double(box_first) + step * 0.5;
  for (int i = 0; i < first + count; ++i) {
    if (i >= first) axis.start[size_t(i - first)] = std::clamp(int(position), 0, in - 1);
    position += step;
  }
  return axis;
}

}  // namespace

Filter filter_by_name(std::string_view name) {
  if (name == "nearest") return Filter::nearest;
  if (name == "box") return Filter::box;
  if (name == "bilinear") return Filter::bilinear;
  if (name == "hamming") return Filter::hamming;
  if (name == "bicubic") return Filter::bicubic;
  if (name == "lanczos") return Filter::lanczos;
  bad_argument("filter is \"" + shown(name) + "\"; wanted nearest, box, bilinear, hamming, bicubic or lanczos");
}

size_t axis_bytes(Filter filter, int in, int out, int count) {
  const double taps = 2 * std::ceil(support_of(filter) * std::max(double(in) / out, 1.0)) + 1;
  return size_t(count) * size_t(taps) * (sizeof(double) + sizeof(int32_t) + 2 * sizeof(int16_t));
}

Axis resample_axis(Filter filter, int in, float box_first, float box_last, int out, int first, int count) {
  if (filter == Filter::nearest) return nearest_axis(in, box_first, box_last, out, first, count);
  Axis axis;
  if (out == in && box_first == 0 && box_last == float(out)) {
    axis.pass = false;
    axis.size.assign(size_t(count), 1);
    for (int i = 0; i < count; ++i) axis.start.push_back(first + i);
    return axis;
  }
  const double scale = double(box_last - box_first) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = support_of(filter) * filter_scale;
  const double inverse = 1.0 / filter_scale;
  axis.start.resize(size_t(count));
  axis.size.resize(size_t(count));
  for (int i = 0; i < count; ++i) {
    const double centre = box_first + (first + i + 0.5) * scale;
    const int lo = std::max(0, int(centre - support + 0.5));
    const int hi = std::min(in, int(centre + support + 0.5));
    axis.start[size_t(i)] = lo;
    axis.size[size_t(i)] = hi - lo;
    axis.taps = std::max(axis.taps, hi - lo);
  }
  axis.weights.assign(size_t(axis.taps) * size_t(count), 0.0);
  for (int i = 0; i < count; ++i) {
    const double centre = box_first + (first + i + 0.5) * scale;
    const int lo = axis.start[size_t(i)], size = axis.size[size_t(i)];
    double *w = axis.weights.data() + size_t(i) * size_t(axis.taps);
    double sum = 0.0;
    for (int x = 0; x < size; ++x) {
      w[x] = weight(filter, (x + lo - centre + 0.5) * inverse);
      sum += w[x];
    }
    if (sum != 0.0)
      for (int x = 0; x < size; ++x) w[x] /= sum;
  }
  return axis;
}

}  // namespace image
