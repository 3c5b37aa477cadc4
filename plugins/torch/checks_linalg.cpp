// LAPACK prints on standard output, or never returns, where a matrix holds what is not finite, and the exponential of NaN is
// memory that nobody wrote; a matrix product reads such memory.
#include <ATen/ops/all.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros_like.h>

#include <mrun/plugin.hpp>

#include "checks.h"

namespace mrun_torch {
namespace {

bool has_numbers_beyond(const at::Tensor &t) {
  if (!t.defined() || t.numel() == 0 || !(t.is_floating_point() || t.is_complex())) return false;
  return !at::all(at::isfinite(t)).item<bool>();
}

// "_linalg_svd" -> "linalg.svd", as Python names it
std::string python_name(std::string name) {
  if (name.front() == '_') name.erase(0, 1);
  const std::string_view prefix = "linalg_";
  if (name.rfind(prefix, 0) == 0) name[prefix.size() - 1] = '.';
  return name;
}

void check_finite(KernelCall &call) {
  for (const char *argument : {"self", "A", "input", "B", "other"}) {
    if (!has_numbers_beyond(call.tensor(argument))) continue;
    throw mrun::error(MRUN_ARGUMENT, python_name(call.name()) + ": the matrix holds infinities or NaN");
  }
}

// With beta = 0 the product is added to 0 times memory that was not written, which may hold NaN.
void check_beta(KernelCall &call) {
  c10::IValue &beta = *call.find("beta");
  if (!call.gives_new_tensor() || !beta.isScalar() || !beta.toScalar().equal(0)) return;
  c10::IValue &self = *call.find("self");
  self = at::zeros_like(self.toTensor());
  beta = 1;
}

}  // namespace

const std::vector<CheckRule> &linalg_checks() {
  static const std::vector<CheckRule> rules = {{"_linalg_svd", &check_finite},    {"linalg_eig", &check_finite},
                                               {"linalg_eigvals", &check_finite}, {"_linalg_eigh", &check_finite},
                                               {"linalg_lstsq", &check_finite},   {"linalg_matrix_exp", &check_finite},
                                               {"baddbmm", &check_beta}};
  return rules;
}

}  // namespace mrun_torch
