// What a step keeps between its calls: any nested value whose tensors have a row for each hypothesis in dimension 0.
#pragma once
#include "wrap.h"

namespace decode {

// A copy of each tensor for each of `rows` rows, in a new first dimension; other values as they are.
mrun::value with_rows(const mrun::call &, const mrun_value &, int64_t rows, const std::string &name);

// Of each tensor the rows `origins`, in this order; the value itself where that is what it has. Throws MODEL where a
// tensor does not have `rows` rows.
mrun::value take_rows(const mrun::call &, mrun::value, int64_t rows, const std::vector<size_t> &origins,
                      const std::string &name);

}  // namespace decode
