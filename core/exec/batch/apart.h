// The rows of a batch's results, which go to different items, share no memory that anyone may write.
#pragma once
#include <memory>
#include <vector>

#include "value/tensor.h"

namespace mrun {

// `results` with a copy in the place of each tensor one row of which may lie over another row, of it or of a tensor before it
// (an expanded row, windows that overlap): what one item writes in place would change another's. Read-only tensors stay.
std::vector<Value> rows_apart(const std::vector<Value> &results, const std::shared_ptr<Budget> &budget);

}  // namespace mrun
