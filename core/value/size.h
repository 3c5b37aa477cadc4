// How much memory a value stands for, where that is counted against a limit.
#pragma once
#include "value/value.h"

namespace mrun {

// Of its texts, keys and tensors, each counted where it stands, and 64 for each value. A tensor counts as if it were
// row-major: one that repeats elements (strides of 0) may stand for more than an int64 holds, which is then the answer.
int64_t bytes_of(const mrun_value &);

}  // namespace mrun
