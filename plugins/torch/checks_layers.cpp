#include "checks_layers.h"

#include <ATen/ops/_pad_packed_sequence_ops.h>
#include <ATen/ops/rnn_relu_ops.h>
#include <ATen/ops/rnn_tanh_ops.h>

#include <algorithm>
#include <functional>
#include <mrun/message.hpp>
#include <mrun/plugin.hpp>

#include "checks_typed.h"

namespace mrun_torch {
namespace {

[[noreturn]] void refuse_layer(const char *name, const std::string &wanted) {
  throw mrun::error(MRUN_ARGUMENT, std::string(name) + ": want " + wanted);
}

// A state has other sizes than the cells' memory where an LSTM projects it.
bool is_projected(at::TensorList states) { return states.size() == 2 && states[0].size(2) != states[1].size(2); }

void check_states(const char *name, at::TensorList states) {
  for (const at::Tensor &t : states) {
    if (t.dim() != 3) refuse_layer(name, "states of three dimensions: [layers and directions, rows, units]");
    if (t.size(0) < states[0].size(0)) refuse_layer(name, "two states of as many layers and directions");
  }
}

void check_weights(const char *name, int64_t gates, const at::Tensor &w_ih, const at::Tensor &w_hh, int64_t units) {
  if (w_ih.dim() == 2 && w_hh.dim() == 2 && w_ih.size(0) == w_hh.size(0) && w_hh.size(0) == gates * units) return;
  const std::string rows = std::to_string(gates) + " * " + std::to_string(units);
  refuse_layer(name, "weights of " + mrun::counted(gates, "gate") + ": w_ih [" + rows + ", inputs] and w_hh [" + rows +
                         ", units]");
}

// Of other dtypes and devices libtorch tells.
void check_falling(const char *name, const at::Tensor &sizes) {
  if (sizes.dim() != 1 || sizes.numel() == 0) refuse_layer(name, "batch_sizes [steps], at least one");
  if (sizes.scalar_type() != at::kLong || !sizes.is_cpu()) return;
  const at::Tensor all = sizes.contiguous();
  const int64_t *const first = all.data_ptr<int64_t>(), *const last = first + all.numel();
  if (last[-1] < 0 || !std::is_sorted(first, last, std::greater<>())) {
    refuse_layer(name, "batch_sizes that are not negative, none more than the one before");
  }
}

struct PadCheck {
  void operator()(const char *name, const at::Tensor &, const at::Tensor &sizes, bool, const at::Scalar &,
                  int64_t) const {
    check_falling(name, sizes);
  }
};

struct RnnCheck {
  void operator()(const char *name, const at::Tensor &, const at::Tensor &hx, at::TensorList params, bool has_biases,
                  int64_t, double, bool, bool, bool) const {
    check_layers(name, 1, hx, params, has_biases);
  }
  void operator()(const char *name, const at::Tensor &, const at::Tensor &sizes, const at::Tensor &hx,
                  at::TensorList params, bool has_biases, int64_t, double, bool, bool) const {
    check_batch_sizes(name, sizes);
    check_layers(name, 1, hx, params, has_biases);
  }
};

}  // namespace

void check_layers(const char *name, int64_t gates, at::TensorList states, at::TensorList params, bool has_biases) {
  check_states(name, states);
  const bool projected = is_projected(states);
  const size_t each = (has_biases ? 4 : 2) + (projected ? 1 : 0);
  if (states.empty() || params.size() != static_cast<size_t>(states[0].size(0)) * each) {
    refuse_layer(name, std::to_string(each) + " params of each layer and direction, as many as the state has, got " +
                           std::to_string(params.size()) + " params");
  }
  for (size_t i = 0; i < params.size(); i += each) {
    const at::Tensor &units_of = projected ? params[i + each - 1] : params[i + 1];
    check_weights(name, gates, params[i], params[i + 1], units_of.dim() == 2 ? units_of.size(1) : 0);
  }
}

void check_batch_sizes(const char *name, const at::Tensor &sizes) {
  check_falling(name, sizes);
  if (!sizes.is_contiguous()) refuse_layer(name, "batch_sizes in one piece; sizes:contiguous() makes one");
}

void add_layer_checks(torch::Library &aten) {
  add_check<at::_ops::_pad_packed_sequence, PadCheck>(aten);
  add_check<at::_ops::rnn_tanh_input, RnnCheck>(aten);
  add_check<at::_ops::rnn_tanh_data, RnnCheck>(aten);
  add_check<at::_ops::rnn_relu_input, RnnCheck>(aten);
  add_check<at::_ops::rnn_relu_data, RnnCheck>(aten);
}

}  // namespace mrun_torch
