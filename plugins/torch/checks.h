// Checks in front of those of libtorch's kernels that trap, never return, print on standard output or read memory that is
// not theirs for some arguments. They stand in the dispatcher, so that an operator meets them however it is called: by a
// script, by another operator that is made of it, by a model's code.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/DispatchKey.h>

#include <string_view>
#include <vector>

namespace torch {
class Library;
}

namespace mrun_torch {

// No kernel of libtorch belongs to this key: only code that includes it (Scope) meets the checks.
inline constexpr c10::DispatchKey checks_key = c10::DispatchKey::TESTING_ONLY_GenericMode;
inline constexpr c10::DispatchKeySet behind_checks(c10::DispatchKeySet::FULL_AFTER, checks_key);

// The arguments of one call, by their names in the schema; they may be replaced.
class KernelCall {
 public:
  KernelCall(const c10::OperatorHandle &op, torch::jit::Stack &stack) : schema_(op.schema()), stack_(stack) {}

  c10::IValue *find(const char *argument);  // null where the schema has none of this name
  at::Tensor tensor(const char *argument);  // undefined where there is none, or no tensor
  int64_t integer(const char *argument, int64_t otherwise);
  const c10::FunctionSchema &schema() const { return schema_; }
  std::string name() const { return schema_.name().substr(sizeof("aten::") - 1); }
  bool gives_new_tensor() const;  // neither in place nor out=

 private:
  const c10::FunctionSchema &schema_;
  torch::jit::Stack &stack_;
};

// Throws mrun::error ARGUMENT where the kernel must not see these arguments.
using Check = void (*)(KernelCall &);
struct CheckRule {
  std::string_view name;  // of the operator and its in-place form, all overloads: "remainder"
  Check check;
  const char *argument = nullptr;  // only overloads that have it
};

const std::vector<CheckRule> &division_checks();  // integers
const std::vector<CheckRule> &linalg_checks();    // LAPACK and matrix products
const std::vector<CheckRule> &size_checks();      // sizes, positions and counts

// Of operators that models call in their loops (checks_typed.h).
void add_cell_checks(torch::Library &aten);   // recurrent cells
void add_layer_checks(torch::Library &aten);  // recurrent layers; GRU and LSTM are checked in recurrent.cpp
void add_mask_checks(torch::Library &aten);   // masks that are no bool
void add_part_checks(torch::Library &aten);   // what takes tensors apart

// Takes gru and lstm, of padded and of packed sequences, in libtorch's place (recurrent.cpp).
void add_recurrent_layers(torch::Library &aten);

// Once a process.
void register_checks();

}  // namespace mrun_torch
