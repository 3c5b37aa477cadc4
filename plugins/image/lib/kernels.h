// The inner loops of the uint8 resampling: a portable and an AVX2 version that give the same bytes. Weights are fixed
// point with `precision` bits; sums start at one half and are clipped to 0..255.
#pragma once
#include <cstdint>
#include <vector>

#include "resample.h"

namespace image {

inline constexpr int precision = 22;
inline constexpr int row_slack = 64;  // bytes behind a row that the kernels may read

// Fixed-point weights in the layouts that the kernels want.
struct FixedAxis {
  FixedAxis(const Axis &, int channels, bool horizontal, bool vector);
  int count = 0, taps = 0;
  std::vector<int> start, size;
  std::vector<int32_t> weights;  // [output][tap]: portable
  std::vector<int16_t> pairs;    // AVX2: high and low halves, w = high * 4096 + low
  int groups = 0;                // of `pairs`, an output
};

// rows: up to 4 source rows (`lines`), each readable for row_slack bytes behind its end, beginning with pixel `origin`.
// out: as many rows, of which row_slack bytes behind the end may be overwritten.
using HorizontalKernel = void (*)(const FixedAxis &, int channels, const uint8_t *const *rows, int lines, int origin,
                                  uint8_t *const *out);
// rows: the source rows of one output, `bytes` of each, readable for row_slack bytes behind.
using VerticalKernel = void (*)(const FixedAxis &, int output, const uint8_t *const *rows, int bytes, uint8_t *out);

struct Kernels {
  bool vector;  // uses FixedAxis::pairs
  HorizontalKernel horizontal;
  VerticalKernel vertical;
};
const Kernels &portable_kernels();
const Kernels *avx2_kernels();  // null where the CPU (or the architecture) has none
const Kernels &best_kernels();  // the environment variable MRUN_IMAGE_SIMD=off forces the portable ones

}  // namespace image
