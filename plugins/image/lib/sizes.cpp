#include "sizes.h"

#include <algorithm>
#include <cfenv>
#include <cmath>

namespace image {
namespace {

// Python's round(): half to even.
int64_t round_half_even(double x) { return std::llrint(x); }

Size checked(int64_t height, int64_t width) {
  check_size("the result", height, width, Error::Code::argument);
  return {int(height), int(width)};
}

}  // namespace

Size shorter_side(Size in, int64_t target, std::optional<int64_t> max_size) {
  if (target < 1) bad_argument("size is " + std::to_string(target) + "; wanted at least 1");
  if (target > max_side)
    bad_argument("size is " + std::to_string(target) + "; wanted at most " + std::to_string(max_side));
  if (max_size && *max_size <= target)
    bad_argument("max_size is " + std::to_string(*max_size) + "; wanted more than size, " + std::to_string(target));
  const bool portrait = in.width <= in.height;
  const int64_t shorter = std::min(in.width, in.height), longer = std::max(in.width, in.height);
  // In double, as Python's int(size * long / short).
  int64_t new_short = target, new_long = int64_t(double(target * longer) / double(shorter));
  if (max_size && new_long > *max_size) {
    new_short = int64_t(double(*max_size * new_short) / double(new_long));
    new_long = *max_size;
  }
  return portrait ? checked(new_long, new_short) : checked(new_short, new_long);
}

Rect center_crop(Size in, Size out) {
  // Smaller images are padded first: floor(d / 2) before, the rest behind.
  auto offset = [](int have, int want) {
    if (want > have) return -((want - have) / 2);
    return int(round_half_even((have - want) / 2.0));
  };
  return {offset(in.height, out.height), offset(in.width, out.width), out.height, out.width};
}

Letterbox letterbox(Size in, Size target, int64_t stride, bool scale_up) {
  double r = std::min(double(target.height) / in.height, double(target.width) / in.width);
  if (!scale_up) r = std::min(r, 1.0);
  const int64_t width = std::max<int64_t>(1, round_half_even(in.width * r));
  const int64_t height = std::max<int64_t>(1, round_half_even(in.height * r));
  double dw = double(target.width - width), dh = double(target.height - height);
  if (stride > 0) {
    dw = double(int64_t(dw) % stride);
    dh = double(int64_t(dh) % stride);
  }
  dw /= 2;
  dh /= 2;
  // The 0.1 decides which side gets the odd row: the far one.
  const int64_t top = round_half_even(dh - 0.1), bottom = round_half_even(dh + 0.1);
  const int64_t left = round_half_even(dw - 0.1), right = round_half_even(dw + 0.1);
  Letterbox box;
  box.resized = checked(height, width);
  box.out = checked(top + height + bottom, left + width + right);
  box.inside = {int(top), int(left), int(height), int(width)};
  box.scale = r;
  return box;
}

}  // namespace image
