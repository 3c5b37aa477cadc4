// The same value with other tensors.
#pragma once
#include <functional>

#include "value/tensor.h"

namespace mrun {

// `v` with f(tensor) in the place of each tensor in it, however deep; what is neither list, table nor tensor is shared.
Value map_tensors(const Value &v, const std::function<Value(const Tensor &)> &f);

}  // namespace mrun
