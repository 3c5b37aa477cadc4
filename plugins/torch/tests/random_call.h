// Random calls of operators from their schemas. Most tensors of a call agree in shape and dtype, so that many calls are
// accepted; the others, and the numbers, are what kernels may not expect.
#pragma once
#include <string>
#include <vector>

#include "plugin/registry.h"

namespace test {

struct RandomCall {
  const mrun::OperationSet *set = nullptr;
  const mrun::Operation *operation = nullptr;  // the overload that it was made for
  std::vector<mrun::Value> args;
  std::vector<std::pair<std::string, mrun::Value>> keywords;
  std::string text() const;  // "aten.sum(float32 [2, 3], 1, keepdim = true)"
};

// The same for the same seed and operators.
RandomCall random_call(const std::vector<const mrun::OperationSet *> &operators, uint64_t seed);

}  // namespace test
