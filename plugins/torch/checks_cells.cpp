// Recurrent cells, which believe the sizes of their weights.
#include <ATen/core/Tensor.h>
#include <ATen/ops/gru_cell_ops.h>
#include <ATen/ops/lstm_cell_ops.h>
#include <ATen/ops/rnn_relu_cell_ops.h>
#include <ATen/ops/rnn_tanh_cell_ops.h>

#include <mrun/plugin.hpp>
#include <type_traits>

#include "checks_typed.h"

namespace mrun_torch {
namespace {

// The weights: the gates of `hidden` units each, one below the other.
template <int gates>
struct CellCheck {
  template <class State, class Bias>
  void operator()(const char *name, const at::Tensor &, const State &hx, const at::Tensor &w_ih, const at::Tensor &w_hh,
                  const Bias &, const Bias &) const {
    if (w_ih.dim() != 2 || w_hh.dim() != 2 || w_ih.size(0) != w_hh.size(0) || w_hh.size(0) != gates * w_hh.size(1)) {
      const std::string count = std::to_string(gates);
      refuse(name, "weights of " + count + (gates == 1 ? " gate" : " gates") + ": w_ih [" + count +
                       " hidden, input] and w_hh [" + count + " hidden, hidden]");
    }
    if constexpr (std::is_same_v<State, at::Tensor>) {
      if (hx.dim() == 0 || hx.size(-1) != w_hh.size(1)) {
        refuse(name, "a state hx of " + std::to_string(w_hh.size(1)) + " units");
      }
    }
  }

 private:
  [[noreturn]] static void refuse(const char *name, const std::string &wanted) {
    throw mrun::error(MRUN_ARGUMENT, std::string(name) + ": want " + wanted);
  }
};

}  // namespace

void add_cell_checks(torch::Library &aten) {
  add_check<at::_ops::gru_cell, CellCheck<3>>(aten);
  add_check<at::_ops::lstm_cell, CellCheck<4>>(aten);
  add_check<at::_ops::rnn_tanh_cell, CellCheck<1>>(aten);
  add_check<at::_ops::rnn_relu_cell, CellCheck<1>>(aten);
}

}  // namespace mrun_torch
