// What a tensor's numbers are like, in one pass over its memory.
#pragma once
#include <optional>

#include "value/tensor.h"

namespace mrun {

struct TensorStats {
  double min = 0, max = 0, mean = 0;  // of what is not NaN; all NaN where nothing else is there
  int64_t nans = 0;
};

// A CPU tensor, any strides; booleans count as 0 and 1. Nothing for complex and 8-bit floating-point numbers.
std::optional<TensorStats> tensor_stats(const Tensor &);

}  // namespace mrun
