// Pixels to the float32 tensor that models take: channels first. Equal to torchvision's ToTensor and Normalize, bit for
// bit: v / 255 for uint8 (float32 values stay as they are), then (x - mean) / std, each rounded to float32.
#pragma once
#include <vector>

#include "pixels.h"

namespace image {

struct Normalization {  // empty: none. One number a channel, or one for all.
  std::vector<double> mean, std;
};
// Checks that the numbers fit `channels`. Error: argument.
void check(const Normalization &, int channels);

// out: channels x height x width.
void to_float(View in, const Normalization &, float *out);

}  // namespace image
