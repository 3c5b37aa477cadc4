#include <algorithm>
#include <vector>

#include "resample.h"

namespace image {
namespace {

// 2^24 / divisor for sums of bytes, with Pillow's rounding: the quotient is taken in float.
uint32_t multiplier_for(uint32_t divisor) {
  const float max_int = float(1u << 30) * 4.0f;
  return uint32_t(max_int / float(uint32_t{256} * divisor));
}

// The average of `height` x `width` pixels of each channel.
void average_u8(View part, uint8_t *out) {
  const uint32_t count = uint32_t(part.height) * uint32_t(part.width), multiplier = multiplier_for(count);
  for (int c = 0; c < part.channels; ++c) {
    uint32_t sum = count / 2;
    for (int y = 0; y < part.height; ++y) {
      const uint8_t *in = part.row(y) + c;
      for (int x = 0; x < part.width; ++x) sum += in[x * part.channels];
    }
    out[c] = uint8_t((sum * multiplier) >> 24);
  }
}

// Whole cells are summed in blocks of 2 x 2 in float, partial ones value by value in double, as there.
void average_f32(View part, bool whole, float *out) {
  auto at = [&](int y, int x, int c) { return reinterpret_cast<const float *>(part.row(y))[x * part.channels + c]; };
  const int step = whole ? 2 : 1;
  for (int c = 0; c < part.channels; ++c) {
    double sum = 0.0;
    for (int y = 0; y < part.height; y += step) {
      const bool two_rows = whole && y + 1 < part.height;
      for (int x = 0; x < part.width; x += step) {
        const bool two_columns = whole && x + 1 < part.width;
        float block = at(y, x, c);
        if (two_columns) block += at(y, x + 1, c);
        if (two_rows) block += at(y + 1, x, c);
        if (two_rows && two_columns) block += at(y + 1, x + 1, c);
        sum += double(block);
      }
    }
    out[c] = float(sum * (1.0 / (part.height * part.width)));
  }
}

}  // namespace

void reduce(View source, const Rect &box, int factor_y, int factor_x, Canvas out) {
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const Rect cell{box.top + y * factor_y, box.left + x * factor_x, factor_y, factor_x};
      const Rect inside = intersect(cell, box);
      if (source.type == Type::u8)
        average_u8(source.part(inside), out.pixel(y, x));
      else
        average_f32(source.part(inside), inside == cell, reinterpret_cast<float *>(out.pixel(y, x)));
    }
  }
}

}  // namespace image
