// The same value with others in its places.
#pragma once
#include <functional>

#include "value/tensor.h"

namespace mrun {

// `v` with f(leaf) in the place of all that is neither list nor table, however deep.
Value map_leaves(const Value &v, const std::function<Value(const Value &)> &f);
// `v` with f(tensor) in the place of each tensor in it, however deep; what is neither list, table nor tensor is shared.
Value map_tensors(const Value &v, const std::function<Value(const Tensor &)> &f);

}  // namespace mrun
