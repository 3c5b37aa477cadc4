// Checks of operators that models call in their loops: with the operator's own C++ signature, so that no argument and no
// result is put into a box and taken out again, as a rule of checks.h has it.
#pragma once
#include <torch/library.h>

#include <string>
#include <utility>

#include "checks.h"

namespace mrun_torch {

template <class Op>
std::string full_name() {
  const std::string overload = Op::overload_name;
  return overload.empty() ? Op::name : std::string(Op::name) + "." + overload;
}

// Op: of libtorch's at::_ops. Check: called with the operator's name, "masked_fill_", and its arguments.
template <class Op, class Check, class Signature = typename Op::schema>
struct CheckedOperator;

template <class Op, class Check, class Result, class... Args>
struct CheckedOperator<Op, Check, Result(Args...)> {
  static Result call(c10::DispatchKeySet keys, Args... args) {
    constexpr size_t prefix = sizeof("aten::") - 1;
    Check()(Op::name + prefix, args...);
    return Op::redispatch(keys & behind_checks, std::forward<Args>(args)...);
  }
};

template <class Op, class Check>
void add_check(torch::Library &aten) {
  aten.impl(full_name<Op>().c_str(),
            torch::CppFunction::makeFromUnboxedFunction(TORCH_FN((CheckedOperator<Op, Check>::call))));
}

}  // namespace mrun_torch
