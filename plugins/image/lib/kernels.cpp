#include "kernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace image {
namespace {

int32_t fixed(double w) {
  constexpr double one = 1 << precision;
  return w < 0 ? int32_t(-0.5 + w * one) : int32_t(0.5 + w * one);
}

struct Halves {
  int16_t high, low;
};
Halves split(int32_t w) {
  const int32_t high = (w + 2048) >> 12;
  return {int16_t(high), int16_t(w - high * 4096)};
}

uint8_t clip(int32_t sum) { return uint8_t(std::clamp(sum >> precision, 0, 255)); }

template <int channels>
void horizontal_row(const FixedAxis &axis, const uint8_t *row, int origin, uint8_t *out) {
  for (int i = 0; i < axis.count; ++i) {
    const uint8_t *in = row + ptrdiff_t(axis.start[size_t(i)] - origin) * channels;
    const int32_t *w = axis.weights.data() + size_t(i) * size_t(axis.taps);
    int32_t sum[channels];
    std::fill_n(sum, channels, int32_t{1} << (precision - 1));
    for (int t = 0; t < axis.size[size_t(i)]; ++t)
      for (int c = 0; c < channels; ++c) sum[c] += in[t * channels + c] * w[t];
    for (int c = 0; c < channels; ++c) out[i * channels + c] = clip(sum[c]);
  }
}

void horizontal(const FixedAxis &axis, int channels, const uint8_t *const *rows, int lines, int origin,
                uint8_t *const *out) {
  for (int l = 0; l < lines; ++l) {
    switch (channels) {
      case 1: horizontal_row<1>(axis, rows[l], origin, out[l]); break;
      case 2: horizontal_row<2>(axis, rows[l], origin, out[l]); break;
      case 3: horizontal_row<3>(axis, rows[l], origin, out[l]); break;
      default: horizontal_row<4>(axis, rows[l], origin, out[l]);
    }
  }
}

void vertical(const FixedAxis &axis, int output, const uint8_t *const *rows, int bytes, uint8_t *out) {
  constexpr int block = 256;
  const int32_t *w = axis.weights.data() + size_t(output) * size_t(axis.taps);
  const int size = axis.size[size_t(output)];
  for (int x = 0; x < bytes; x += block) {
    const int n = std::min(block, bytes - x);
    int32_t sum[block];
    std::fill_n(sum, n, int32_t{1} << (precision - 1));
    for (int t = 0; t < size; ++t)
      for (int i = 0; i < n; ++i) sum[i] += rows[t][x + i] * w[t];
    for (int i = 0; i < n; ++i) out[x + i] = clip(sum[i]);
  }
}

}  // namespace

FixedAxis::FixedAxis(const Axis &axis, int channels, bool horizontal, bool vector)
    : count(int(axis.start.size())), taps(axis.taps), start(axis.start), size(axis.size) {
  weights.resize(axis.weights.size());
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = fixed(axis.weights[i]);
  if (!vector) return;
  // A group is two taps: high pair, low pair; the horizontal kernels take two groups at once, or, with one channel,
  // sixteen taps: all high halves, then all low ones.
  const bool grey = horizontal && channels == 1;
  const int width = grey ? 16 : 2, group = grey ? 16 : horizontal ? 4 : 2;
  groups = (taps + group - 1) / group;
  const size_t stride = size_t(groups) * size_t(2 * group);
  pairs.assign(size_t(count) * stride, 0);
  for (int i = 0; i < count; ++i) {
    for (int t = 0; t < taps; ++t) {
      const Halves h = split(weights[size_t(i) * size_t(taps) + size_t(t)]);
      int16_t *p = pairs.data() + size_t(i) * stride + size_t(t / width) * size_t(2 * width);
      p[t % width] = h.high;
      p[width + t % width] = h.low;
    }
  }
}

const Kernels &portable_kernels() {
  static constexpr Kernels kernels{false, horizontal, vertical};
  return kernels;
}

const Kernels &best_kernels() {
  static const Kernels &kernels = []() -> const Kernels & {
    const char *choice = std::getenv("MRUN_IMAGE_SIMD");
    const bool off = choice && std::strcmp(choice, "off") == 0;
    const Kernels *avx2 = avx2_kernels();
    return off || !avx2 ? portable_kernels() : *avx2;
  }();
  return kernels;
}

}  // namespace image
