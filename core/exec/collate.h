// The arrow model calls -> one batch: the arguments of N calls, each written for one item, become one call's.
//
//   stack   tensors of equal shape [..] become [N, ..]
//   concat  tensors bring their rows in dimension 0; the batch has them one after the other
//   none    one call, as it is
// With `pad`, a tensor argument's named dimensions are filled up to the longest (and to a multiple) first. A parameter
// named `lengths` (int64 [N]: how long each item was in the first padded dimension) or `mask` (bool [N, L]: true where
// real) is filled in where the schema has one. What is not a tensor must be the same in all calls: the engine joins
// only such.
#pragma once
#include <span>
#include <vector>

#include "bundle/manifest.h"
#include "plugin/schema.h"
#include "value/tensor.h"

namespace mrun {

struct Batch {
  std::vector<Value> args;                // one a parameter
  std::vector<int64_t> rows;              // one a call: its rows in dimension 0 (stack: 1)
  std::vector<std::vector<Value>> calls;  // the calls' own arguments: what `unpad` measures
};

// Throws MODEL naming the parameter where tensors cannot be joined.
Batch collate(const Schema &, const BatchConfig &, std::vector<std::vector<Value>> calls);

// The schema that scripts are checked against: what collate fills in is optional there.
Schema script_schema(const Schema &, const BatchConfig &);

}  // namespace mrun
