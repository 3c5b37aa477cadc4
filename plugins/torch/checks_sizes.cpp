// Sizes, positions and counts that kernels believe.
#include <ATen/Functions.h>

#include <mrun/plugin.hpp>

#include "checks.h"
#include "convert.h"
#include "scope.h"
#include "shortest.h"

namespace mrun_torch {
namespace {

[[noreturn]] void refuse(KernelCall &call, const char *argument, int64_t most, const std::string &given) {
  throw mrun::error(MRUN_ARGUMENT,
                    call.name() + ": " + argument + ": want at most " + std::to_string(most) + ", got " + given);
}

void at_most(KernelCall &call, const char *argument, int64_t most) {
  const int64_t given = call.integer(argument, 0);
  if (given > most) refuse(call, argument, most, std::to_string(given));
}

// Products of these are not checked.
void check_windows(KernelCall &call) {
  constexpr int64_t most = 1 << 20;
  for (const char *argument : {"output_size", "kernel_size", "stride", "padding", "dilation", "output_padding"}) {
    const c10::IValue *list = call.find(argument);
    if (list == nullptr || !list->isIntList()) continue;
    for (const int64_t n : list->toIntVector()) {
      if (n > most) refuse(call, argument, most, std::to_string(n));
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
  if (!(largest <= most)) refuse(call, "n", most, shortest_text(largest));
}

// Where a mask is no bool, kernels before libtorch 2 read the first byte of each element: of a float none of its value.
void check_mask(KernelCall &call) {
  const at::Tensor mask = call.tensor("mask");
  if (!mask.defined() || mask.scalar_type() == c10::kBool || mask.scalar_type() == c10::kByte) return;
  constexpr int64_t first_byte = 0xFF;
  const bool integers = c10::isIntegralType(mask.scalar_type(), /*includeBool=*/false);
  if (integers && mask.bitwise_and(first_byte).ne(0).equal(mask.ne(0))) return;
  throw mrun::error(MRUN_ARGUMENT, call.name() + ": mask: want a bool tensor, got one of " +
                                       dtype_name(mask.scalar_type()) + "; x:gt(0), x:ne(0) or x:bool() make one");
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

// The weights of a recurrent cell: the gates of `hidden` units each, one below the other.
void check_cell(KernelCall &call, int64_t gates) {
  const at::Tensor input = call.tensor("w_ih"), state = call.tensor("w_hh");
  if (input.dim() != 2 || state.dim() != 2 || input.size(0) != state.size(0) ||
      state.size(0) != gates * state.size(1)) {
    refuse_shape(call, "weights of " + std::to_string(gates) + (gates == 1 ? " gate" : " gates") + ": w_ih [" +
                           std::to_string(gates) + " hidden, input] and w_hh [" + std::to_string(gates) +
                           " hidden, hidden]");
  }
  const at::Tensor hx = call.tensor("hx");
  if (hx.defined() && (hx.dim() == 0 || hx.size(-1) != state.size(1))) {
    refuse_shape(call, "a state hx of " + std::to_string(state.size(1)) + " units");
  }
}

// Over none nothing is written into the result.
void check_axes(KernelCall &call) {
  if (!call.find("dim")->toDimVector().empty()) return;
  throw mrun::error(MRUN_ARGUMENT, "want at least one dimension to transform");
}

// ---- as many tensors as the data say

// A tensor takes memory beside its elements: in libtorch, in the engine and in the script's list.
void charge_parts(int64_t count, int64_t dimensions) {
  constexpr int64_t each = 1024, each_dimension = 32;
  charge_current(count, each + each_dimension * dimensions);
}

// The size of the dimension that is taken apart; 0 where the kernel will say that there is none.
int64_t size_of_dimension(KernelCall &call) {
  const at::Tensor self = call.tensor("self");
  const int64_t dim = call.integer("dim", 0), at = dim < 0 ? dim + self.dim() : dim;
  return at >= 0 && at < self.dim() ? self.size(at) : 0;
}

void check_unbind(KernelCall &call) { charge_parts(size_of_dimension(call), call.tensor("self").dim()); }

void check_split(KernelCall &call) {
  const int64_t size = size_of_dimension(call), step = call.integer("split_size", 0);
  if (step > 0) charge_parts(size / step + 1, call.tensor("self").dim());
}

// Of an empty dimension as many as were asked for; of others it is split that makes them.
void check_chunk(KernelCall &call) {
  if (size_of_dimension(call) == 0) charge_parts(call.integer("chunks", 0), call.tensor("self").dim());
}

void check_tensor_split(KernelCall &call) { charge_parts(call.integer("sections", 0), call.tensor("self").dim()); }

// Each of the results has a dimension for each of the tensors.
void check_meshgrid(KernelCall &call) {
  const auto count = static_cast<int64_t>(call.find("tensors")->toListRef().size());
  charge_parts(count, count);
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
      {"masked_fill", &check_mask},
      {"masked_scatter", &check_mask},
      {"_fft_c2c", &check_axes},
      {"unbind", &check_unbind},
      {"unbind_copy", &check_unbind},
      {"split", &check_split},
      {"split_copy", &check_split},
      {"unsafe_split", &check_split},
      {"chunk", &check_chunk},
      {"unsafe_chunk", &check_chunk},
      {"tensor_split", &check_tensor_split, "sections"},
      {"meshgrid", &check_meshgrid},
      {"gru_cell", [](KernelCall &call) { check_cell(call, 3); }},
      {"lstm_cell", [](KernelCall &call) { check_cell(call, 4); }},
      {"rnn_tanh_cell", [](KernelCall &call) { check_cell(call, 1); }},
      {"rnn_relu_cell", [](KernelCall &call) { check_cell(call, 1); }},
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
