// How far two tensors of one dtype and shape are apart. One pass over both.
#pragma once
#include <cstdint>

#include "value/tensor.h"

namespace mrun {

struct TensorDistance {
  bool equal = true;           // bit for bit
  double max_abs = 0;          // of |a - b|; NaN against NaN and infinity against itself are equal
  double mean_abs = 0;         // over all elements
  double relative_norm = 0;    // |a - b| / |a|, Euclidean; infinite where a is all zeros
  int64_t not_comparable = 0;  // elements of which one is NaN or infinite and the other is not the same
};

// CPU tensors, any strides. Integers and booleans are compared as numbers; complex ones only for equality.
TensorDistance tensor_distance(const Tensor &a, const Tensor &b);

}  // namespace mrun
