// The arrow model calls -> one batch: the arguments of N calls, each written for one item, become one call's.
//
//   stack   tensors of equal shape [..] become [N, ..]
//   concat  tensors bring their rows in dimension 0; the batch has them one after the other
//   none    one call, as it is
// With `pad`, a tensor argument's named dimensions are filled up to the longest (and to a multiple) first. A parameter
// named `lengths` (int64 [N]: how long each item was in the first padded dimension) or `mask` (bool [N, L]: true where
// real) is filled in where the schema has one. What is not a tensor must be the same in all calls: the engine joins
// only such. Tensors are the CPU's, but where a single call is passed on without a copy.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "bundle/manifest.h"
#include "plugin/schema.h"
#include "value/tensor.h"

namespace mrun {

// The arguments of one call, one a parameter.
using CallArguments = std::span<const Value>;

struct Batch {
  std::vector<Value> args;           // one a parameter
  std::vector<int64_t> first;        // one a call: its first row in dimension 0
  std::vector<int64_t> rows;         // one a call: how many (stack: 1)
  int64_t total = 0;                 // rows, those that only fill up included
  std::vector<CallArguments> calls;  // the calls' own arguments: what `unpad` measures. They must outlive this
};

struct CollateOptions {
  std::shared_ptr<Budget> budget;  // pays for the buffers; null: nobody
  int64_t least_rows = 0;          // the batch is filled up to so many rows, by repeating the last one
};

// Throws MODEL naming the parameter where tensors cannot be joined; MEMORY, QUOTA.
Batch collate(const Schema &, const BatchConfig &, std::vector<CallArguments> calls, const CollateOptions & = {});
// Puts the results of a call's parts, cut by rows, together again: tensors one behind the other in dimension 0. MODEL where they
// hold anything else, or do not fit.
Value join_rows(const std::vector<const Value *> &parts, const std::string &name, const std::shared_ptr<Budget> &);

// The schema that scripts are checked against: what collate fills in is optional there.
Schema script_schema(const Schema &, const BatchConfig &);

}  // namespace mrun
