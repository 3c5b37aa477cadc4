// TorchScript's types and values as the ABI's: schemas of methods, arguments, results.
//
//   Tensor int float bool str, Optional[T], List[T] of these: the same in our notation; Number is Scalar.
//   Dict[str, T] is Dict(str, T). A Tuple that is returned is several results.
//   Anything nested deeper (lists of lists, tuples as arguments, Dict[int, T], named tuples inside) is Any in the
//   schema and is checked here, against the declared type: a tuple comes and goes as a list, a Dict[int, T] as a map
//   whose keys are decimal numbers.
#pragma once
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <mrun/plugin.h>

#include <functional>
#include <string>

namespace mrun_torch {

// "forward(Tensor ids, float scale=1.0) -> (Tensor, Tensor)", of a method whose first argument is self.
std::string schema_text(const c10::FunctionSchema &method);

// How many results the schema has: 0 for None, n for a Tuple of n (several: also where n is 1), else 1. named: there may be a
// NamedTuple inside of them, which is looked for only then.
struct ResultShape {
  size_t count = 0;
  bool several = false;
  bool named = false;
};
ResultShape result_shape(const c10::FunctionSchema &method);

// An argument as TorchScript wants it. nil takes the argument's own default where it has one. Throws mrun::error
// ARGUMENT.
c10::IValue to_ivalue(mrun_call *call, const mrun_value &v, const c10::Argument &argument);

// A result, owned by the caller. is_shared: something else (a weight, a constant, an input) has this tensor's memory
// too, so that the value is read-only. Throws mrun::error MODEL for what no value can carry.
mrun_value from_ivalue(mrun_call *call, const c10::IValue &v, const std::function<bool(const at::Tensor &)> &is_shared,
                       bool named);

}  // namespace mrun_torch
