// When two values are the same.
#pragma once
#include "value/tensor.h"

namespace mrun {

// Of one kind and content: numbers by value (an integer is no double; NaN is the same as NaN, 0 as -0), tensors by
// dtype, shape and the bits of their elements (CPU), objects and functions by identity. Media types and read-only flags
// make no difference.
bool equal(const Value &, const Value &);

}  // namespace mrun
