// One overload of an ATen operator, prepared for calls from scripts: its schema in the host's notation, and for each of
// ATen's parameters where its value comes from.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <mrun/plugin.h>

#include <memory>
#include <string>
#include <vector>

namespace mrun_torch {

// What a script's value becomes. hidden: the parameter's default; generator: a fresh one, seeded by the host.
enum class Kind : uint8_t {
  tensor,
  integer,
  number,
  boolean,
  string,
  scalar,
  scalar_type,
  device,
  tensors,
  optional_tensors,
  integers,
  numbers,
  booleans,
  scalars,
  hidden,
  generator
};

struct Overload {
  explicit Overload(c10::OperatorHandle handle) : op(std::move(handle)) {}

  c10::OperatorHandle op;
  std::vector<Kind> parameters;  // one for each of ATen's, in its order
  std::vector<size_t> written;   // the indices of those that the operator writes, as its schema says
  std::vector<c10::IValue> defaults;
  std::vector<Kind> results;
  // Effects that schemas do not say: the index of a probability that would draw from the global generator, and of a
  // switch that makes the operator write running statistics.
  int dropout = -1, training = -1;
  std::vector<size_t> running;
  std::string schema;  // "aten.softmax:int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor"
  std::string doc;
  mrun_op info{};  // points into this object
};

// Null where the operator is denied (aten_rules.h) or a type of it has no place in a script.
std::unique_ptr<Overload> make_overload(const c10::OperatorHandle &op);

// mrun_op.call; `user` is the Overload.
int call_overload(mrun_call *call, const mrun_value *args, mrun_value *results, void *user);

}  // namespace mrun_torch
