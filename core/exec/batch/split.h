// The arrow batch result -> each call's own: the inverse of collate.
#pragma once
#include "exec/batch/collate.h"
#include "exec/batch/context.h"

namespace mrun {

// results: what the model returned for the batch. Returns the results of each call, in order; tensors are views of the
// batch's memory, no two calls' of the same part of it (apart.h; the budget pays for copies; null: nobody). Throws MODEL where a
// tensor does not have the batch in dimension 0.
std::vector<std::vector<Value>> split(const Schema &, const BatchConfig &, const Batch &,
                                      const std::vector<Value> &results,
                                      const std::shared_ptr<Budget> &budget = nullptr);

// A model's results with the tensors that objects among them stand for: what no tensor can carry (quantized numbers) has rows
// too. Where calls run as they are, so do such results stay. registry: where the objects' types look for operations.
std::vector<Value> with_tensors(const BatchConfig &, Registry *registry, std::vector<Value> results, BatchContext &);

// What `unpad` names must be a padded tensor argument of the method. Throws BUNDLE.
void check_unpad(const Schema &, const BatchConfig &);

}  // namespace mrun
