// Sizes, positions and counts that kernels believe.
#include <ATen/ops/max.h>

#include <mrun/plugin.hpp>

#include "checks.h"
#include "convert.h"
#include "scope.h"
#include "shortest.h"

namespace mrun_torch {
namespace {

[[noreturn]] void refuse_size(KernelCall &call, const char *argument, int64_t most, const std::string &given) {
  throw mrun::error(MRUN_ARGUMENT,
                    call.name() + ": " + argument + ": want at most " + std::to_string(most) + ", got " + given);
}

void at_most(KernelCall &call, const char *argument, int64_t most) {
  const int64_t given = call.integer(argument, 0);
  if (given > most) refuse_size(call, argument, most, std::to_string(given));
}

// Products of these are not checked.
void check_windows(KernelCall &call) {
  constexpr int64_t most = 1 << 20;
  for (const char *argument : {"output_size", "kernel_size", "stride", "padding", "dilation", "output_padding"}) {
    const c10::IValue *list = call.find(argument);
    if (list == nullptr || !list->isIntList()) continue;
    for (const int64_t n : list->toIntVector()) {
      if (n > most) refuse_size(call, argument, most, std::to_string(n));
    }
  }
}

// Its square divides a number of channels.
void check_factor(KernelCall &call) {
  for (const char *argument : {"upscale_factor", "downscale_factor"}) at_most(call, argument, 1 << 15);
}

// Combinations of r are made from r dimensions.
void check_combinations(KernelCall &call) {
  constexpr int64_t most_dimensions = 64;
  at_most(call, "r", most_dimensions);
}

// A polynomial of order n takes n steps for each element.
void check_order(KernelCall &call) {
  constexpr int64_t most = 10000;
  const c10::IValue &n = *call.find("n");
  const double largest = !n.isTensor()               ? n.toScalar().toDouble()
                         : n.toTensor().numel() == 0 ? 0
                                                     : at::max(n.toTensor().to(c10::kDouble)).item<double>();
  if (!(largest <= most)) refuse_size(call, "n", most, shortest_text(largest));
}

[[noreturn]] void refuse_shape(KernelCall &call, const std::string &wanted) {
  throw mrun::error(MRUN_ARGUMENT, call.name() + ": want " + wanted);
}

void check_bag(KernelCall &call) {
  constexpr int64_t last_mode = 2;  // sum, mean, max
  const int64_t mode = call.integer("mode", 0);
  if (mode < 0 || mode > last_mode) refuse_shape(call, "mode 0, 1 or 2");
  if (call.tensor("weight").dim() != 2) refuse_shape(call, "a weight of two dimensions");
  const at::Tensor offsets = call.tensor("offsets");
  if (offsets.defined() && offsets.dim() != 1) refuse_shape(call, "offsets of one dimension");
}

// Over none nothing is written into the result.
void check_axes(KernelCall &call) {
  if (!call.find("dim")->toDimVector().empty()) return;
  throw mrun::error(MRUN_ARGUMENT, "want at least one dimension to transform");
}

}  // namespace

const std::vector<CheckRule> &size_checks() {
  static const std::vector<CheckRule> rules = {
      {"pixel_shuffle", &check_factor},
      {"pixel_unshuffle", &check_factor},
      {"combinations", &check_combinations},
      {"im2col", &check_windows},
      {"col2im", &check_windows},
      {"embedding_bag", &check_bag},
      {"_fft_c2c", &check_axes},
      {"special_chebyshev_polynomial_t", &check_order},
      {"special_chebyshev_polynomial_u", &check_order},
      {"special_chebyshev_polynomial_v", &check_order},
      {"special_chebyshev_polynomial_w", &check_order},
      {"special_hermite_polynomial_h", &check_order},
      {"special_hermite_polynomial_he", &check_order},
      {"special_laguerre_polynomial_l", &check_order},
      {"special_legendre_polynomial_p", &check_order},
      {"special_shifted_chebyshev_polynomial_t", &check_order},
      {"special_shifted_chebyshev_polynomial_u", &check_order},
      {"special_shifted_chebyshev_polynomial_v", &check_order},
      {"special_shifted_chebyshev_polynomial_w", &check_order},
  };
  return rules;
}

}  // namespace mrun_torch
