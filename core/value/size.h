// How much memory a value stands for, where that is counted against a limit.
#pragma once
#include "value/value.h"

namespace mrun {

// Of its texts, keys and tensors, each counted where it stands, and 64 for each value.
int64_t bytes_of(const mrun_value &);

}  // namespace mrun
