#include "checks.h"

#include <torch/library.h>

#include <mrun/plugin.hpp>
#include <unordered_map>

namespace mrun_torch {
namespace {

using torch::jit::Stack;

class CheckedKernel final : public c10::OperatorKernel {
 public:
  explicit CheckedKernel(Check check) : check_(check) {}
  void operator()(const c10::OperatorHandle &op, c10::DispatchKeySet keys, Stack *stack) {
    KernelCall call(op, *stack);
    check_(call);
    op.redispatchBoxed(keys & behind_checks, stack);
  }

 private:
  Check check_;
};

std::unordered_map<std::string_view, CheckRule> all_checks() {
  std::unordered_map<std::string_view, CheckRule> all;
  for (const auto *rules : {&division_checks(), &linalg_checks(), &size_checks()}) {
    for (const CheckRule &r : *rules) all.emplace(r.name, r);
  }
  return all;
}

bool applies(const CheckRule &rule, const c10::OperatorName &op) {
  if (rule.argument == nullptr) return true;
  const auto handle = c10::Dispatcher::singleton().findSchema(op);
  return handle && handle->schema().argumentIndexWithName(rule.argument);
}

}  // namespace

c10::IValue *KernelCall::find(const char *argument) {
  const auto index = schema_.argumentIndexWithName(argument);
  return index ? &stack_[stack_.size() - schema_.arguments().size() + static_cast<size_t>(*index)] : nullptr;
}

at::Tensor KernelCall::tensor(const char *argument) {
  const c10::IValue *v = find(argument);
  return v != nullptr && v->isTensor() ? v->toTensor() : at::Tensor();
}

int64_t KernelCall::integer(const char *argument, int64_t otherwise) {
  const c10::IValue *v = find(argument);
  return v != nullptr && v->isInt() ? v->toInt() : otherwise;
}

bool KernelCall::gives_new_tensor() const { return !schema_.is_mutable(); }

void register_checks() {
  // Never destroyed: scripts may run while the process exits.
  static auto &all = *new torch::Library(torch::Library::IMPL, "_", checks_key, __FILE__, __LINE__);
  static auto &aten = *new torch::Library(torch::Library::IMPL, "aten", checks_key, __FILE__, __LINE__);
  all.fallback(torch::CppFunction::makeFallthrough());
  for (auto *add : {&add_cell_checks, &add_layer_checks, &add_mask_checks, &add_part_checks, &add_recurrent_layers})
    add(aten);
  const auto checks = all_checks();
  constexpr std::string_view prefix = "aten::";
  for (const c10::OperatorName &op : c10::Dispatcher::singleton().getAllOpNames()) {
    std::string_view name = op.name;
    if (name.substr(0, prefix.size()) != prefix) continue;
    name.remove_prefix(prefix.size());
    auto found = checks.find(name);
    if (found == checks.end() && name.size() > 1 && name.back() == '_') {
      found = checks.find(name.substr(0, name.size() - 1));
    }
    if (found == checks.end() || !applies(found->second, op)) continue;
    const std::string full = op.overload_name.empty() ? op.name : op.name + "." + op.overload_name;
    aten.impl(full.c_str(),
              torch::CppFunction::makeFromBoxedFunctor(std::make_unique<CheckedKernel>(found->second.check)));
  }
}

}  // namespace mrun_torch
