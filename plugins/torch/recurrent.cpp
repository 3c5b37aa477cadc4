// Layers of GRU and LSTM in place of libtorch's own, for float on the CPU: the same bits in less time where rows are few. What is
// unusual goes on to libtorch.
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gru_ops.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm_ops.h>
#include <torch/library.h>
#include <torch/version.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "checks_layers.h"
#include "checks_typed.h"
#include "recurrent_cells.h"
#include "scope.h"

namespace mrun_torch {
namespace {

struct Network {
  at::TensorList params;
  bool has_biases;
  int64_t layers;
  bool bidirectional;

  int64_t directions() const { return bidirectional ? 2 : 1; }
  CellWeights weights(int64_t layer, int64_t direction) const {
    const auto first = static_cast<size_t>((layer * directions() + direction) * (has_biases ? 4 : 2));
    if (!has_biases) return {params[first], params[first + 1], {}, {}};
    return {params[first], params[first + 1], params[first + 2], params[first + 3]};
  }
};

// How many rows take each step, never more than the step before.
class Steps {
 public:
  Steps(int64_t count, int64_t rows) : count_(count), rows_(rows) {}
  // batch_sizes of a packed sequence, which is there as long as this.
  explicit Steps(const at::Tensor &sizes) : sizes_(sizes.data_ptr<int64_t>()), count_(sizes.numel()) {}

  // Whether they are `total` rows altogether and begin with `rows`.
  bool fit(int64_t total, int64_t rows) const {
    if (count_ <= 0 || size(0) != rows) return false;
    int64_t left = total, before = rows;
    for (int64_t i = 0; i < count_; ++i) {
      if (size(i) <= 0 || size(i) > before || size(i) > left) return false;
      before = size(i);
      left -= before;
    }
    return left == 0;
  }
  // step(the first of its rows among all, how many they are)
  template <class Step>
  void each(bool backwards, Step &&step) const {
    int64_t first = backwards ? sum() : 0;
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t rows = size(backwards ? count_ - 1 - i : i);
      if (backwards) first -= rows;
      step(first, rows);
      if (!backwards) first += rows;
    }
  }

 private:
  int64_t size(int64_t i) const { return sizes_ != nullptr ? sizes_[i] : rows_; }
  int64_t sum() const {
    int64_t all = 0;
    for (int64_t i = 0; i < count_; ++i) all += size(i);
    return all;
  }

  const int64_t *sizes_ = nullptr;
  int64_t count_, rows_ = 0;
};

bool is_plain(const at::Tensor &t) {
  return t.defined() && t.layout() == at::kStrided && t.is_cpu() && t.scalar_type() == at::kFloat && !t.is_neg() &&
         t.numel() > 0;
}

bool fits(const CellWeights &w, const Network &of, int64_t gates, int64_t inputs, int64_t units) {
  const auto is_matrix = [&](const at::Tensor &t, int64_t columns) {
    return is_plain(t) && t.is_contiguous() && t.sizes() == at::IntArrayRef({gates * units, columns});
  };
  const auto is_bias = [&](const at::Tensor &t) {
    return is_plain(t) && t.is_contiguous() && t.sizes() == at::IntArrayRef({gates * units});
  };
  return is_matrix(w.w_ih, inputs) && is_matrix(w.w_hh, units) &&
         (!of.has_biases || (is_bias(w.b_ih) && is_bias(w.b_hh)));
}

// Whether these layers are of the usual kind; of others libtorch knows better, errors included.
bool fits(const Network &n, int64_t gates, const at::Tensor &input, at::TensorList states) {
  const auto is_state = [&](const at::Tensor &t) {
    return is_plain(t) && t.is_contiguous() && t.dim() == 3 && t.sizes() == states[0].sizes();
  };
  if (!is_plain(input) || !std::all_of(states.begin(), states.end(), is_state)) return false;
  const int64_t units = states[0].size(2), each = n.has_biases ? 4 : 2;
  const auto count = static_cast<int64_t>(n.params.size());
  if (n.layers <= 0 || n.layers > count || states[0].size(0) != n.layers * n.directions() ||
      units % units_multiple != 0 || units > most_units)
    return false;
  if (count != states[0].size(0) * each) return false;
  for (int64_t layer = 0; layer < n.layers; ++layer) {
    const int64_t inputs = layer == 0 ? input.size(-1) : n.directions() * units;
    for (int64_t d = 0; d < n.directions(); ++d) {
      if (!fits(n.weights(layer, d), n, gates, inputs, units)) return false;
    }
  }
  return true;
}

// Sequences of one length, [steps, rows, inputs].
std::optional<Steps> steps_of(const at::Tensor &input, const at::Tensor &state) {
  if (input.dim() != 3 || state.dim() != 3 || input.size(1) != state.size(1)) return std::nullopt;
  return Steps(input.size(0), input.size(1));
}

// Sequences of several lengths, [all rows of all steps, inputs].
std::optional<Steps> steps_of(const at::Tensor &data, const at::Tensor &sizes, const at::Tensor &state) {
  if (data.dim() != 2 || state.dim() != 3 || sizes.dim() != 1) return std::nullopt;
  if (!sizes.is_cpu() || sizes.scalar_type() != at::kLong || !sizes.is_contiguous()) return std::nullopt;
  Steps steps(sizes);
  if (!steps.fit(data.size(0), state.size(1))) return std::nullopt;
  return steps;
}

bool may_run(c10::DispatchKeySet keys, double dropout, bool train) {
  return !at::GradMode::is_enabled() && !keys.has(c10::DispatchKey::AutocastCPU) && !(train && dropout != 0);
}

// From libtorch 2 on oneDNN has an LSTM, where libtorch was built with it.
bool has_own_lstm() { return TORCH_VERSION_MAJOR >= 2 && at::hasMKLDNN(); }

// One direction of a layer. The states are replaced by the last ones.
template <class Cell, class... States>
at::Tensor run_direction(const at::Tensor &input, const Steps &steps, const CellWeights &weights, bool backwards,
                         const States &...states) {
  Cell cell(weights, states...);
  const int64_t units = weights.w_hh.size(1), width = Cell::gate_count * units;
  const at::Tensor gates = at::linear(input, weights.w_ih, weights.b_ih).contiguous();
  std::vector<int64_t> shape = input.sizes().vec();
  shape.back() = units;
  at::Tensor output = at::empty(shape, gates.options());
  const auto *const in = gates.template data_ptr<float>();
  auto *const out = output.template data_ptr<float>();
  steps.each(backwards, [&](int64_t first, int64_t rows) {
    poll_current();
    cell.take_rows(rows);
    cell.step(in + first * width, out + first * units);
  });
  return output;
}

// All layers. states: [layers * directions, rows, units] each.
template <class Cell, class... States>
at::Tensor run_layers(at::Tensor input, const Steps &steps, const Network &network, const States &...states) {
  for (int64_t layer = 0; layer < network.layers; ++layer) {
    std::vector<at::Tensor> outputs;
    for (int64_t d = 0; d < network.directions(); ++d) {
      const int64_t at = layer * network.directions() + d;
      outputs.push_back(run_direction<Cell>(input, steps, network.weights(layer, d), d == 1, states.select(0, at)...));
    }
    input = outputs.size() == 1 ? outputs[0] : at::cat(outputs, -1);
  }
  return input;
}

at::Tensor copy_of(const at::Tensor &t) { return t.clone(at::MemoryFormat::Contiguous); }

at::Tensor steps_first(const at::Tensor &input, bool batch_first) {
  return batch_first && input.dim() == 3 ? input.transpose(0, 1) : input;
}

// ---- in libtorch's place --------------------------------------------------------------------------------------------

using OneState = std::tuple<at::Tensor, at::Tensor>;
using TwoStates = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

OneState gru_input(c10::DispatchKeySet keys, const at::Tensor &input, const at::Tensor &hx, at::TensorList params,
                   bool has_biases, int64_t layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  const Network network{params, has_biases, layers, bidirectional};
  const at::Tensor given = steps_first(input, batch_first);
  const auto steps = steps_of(given, hx);
  if (!steps || !may_run(keys, dropout, train) || !fits(network, GruCell::gate_count, given, hx)) {
    check_layers("gru", GruCell::gate_count, hx, params, has_biases);
    return at::_ops::gru_input::redispatch(keys & behind_checks, input, hx, params, has_biases, layers, dropout, train,
                                           bidirectional, batch_first);
  }
  const at::Tensor last = copy_of(hx);
  return {steps_first(run_layers<GruCell>(given, *steps, network, last), batch_first), last};
}

OneState gru_data(c10::DispatchKeySet keys, const at::Tensor &data, const at::Tensor &sizes, const at::Tensor &hx,
                  at::TensorList params, bool has_biases, int64_t layers, double dropout, bool train,
                  bool bidirectional) {
  const Network network{params, has_biases, layers, bidirectional};
  const auto steps = steps_of(data, sizes, hx);
  if (!steps || !may_run(keys, dropout, train) || !fits(network, GruCell::gate_count, data, hx)) {
    check_batch_sizes("gru", sizes);
    check_layers("gru", GruCell::gate_count, hx, params, has_biases);
    return at::_ops::gru_data::redispatch(keys & behind_checks, data, sizes, hx, params, has_biases, layers, dropout,
                                          train, bidirectional);
  }
  const at::Tensor last = copy_of(hx);
  return {run_layers<GruCell>(data, *steps, network, last), last};
}

TwoStates lstm_input(c10::DispatchKeySet keys, const at::Tensor &input, at::TensorList hx, at::TensorList params,
                     bool has_biases, int64_t layers, double dropout, bool train, bool bidirectional,
                     bool batch_first) {
  const Network network{params, has_biases, layers, bidirectional};
  const at::Tensor given = steps_first(input, batch_first);
  const auto steps = hx.size() == 2 && !has_own_lstm() ? steps_of(given, hx[0]) : std::nullopt;
  if (!steps || !may_run(keys, dropout, train) || !fits(network, LstmCell::gate_count, given, hx)) {
    check_layers("lstm", LstmCell::gate_count, hx, params, has_biases);
    return at::_ops::lstm_input::redispatch(keys & behind_checks, input, hx, params, has_biases, layers, dropout, train,
                                            bidirectional, batch_first);
  }
  const at::Tensor hidden = copy_of(hx[0]), memory = copy_of(hx[1]);
  return {steps_first(run_layers<LstmCell>(given, *steps, network, hidden, memory), batch_first), hidden, memory};
}

TwoStates lstm_data(c10::DispatchKeySet keys, const at::Tensor &data, const at::Tensor &sizes, at::TensorList hx,
                    at::TensorList params, bool has_biases, int64_t layers, double dropout, bool train,
                    bool bidirectional) {
  const Network network{params, has_biases, layers, bidirectional};
  const auto steps = hx.size() == 2 && !has_own_lstm() ? steps_of(data, sizes, hx[0]) : std::nullopt;
  if (!steps || !may_run(keys, dropout, train) || !fits(network, LstmCell::gate_count, data, hx)) {
    check_batch_sizes("lstm", sizes);
    check_layers("lstm", LstmCell::gate_count, hx, params, has_biases);
    return at::_ops::lstm_data::redispatch(keys & behind_checks, data, sizes, hx, params, has_biases, layers, dropout,
                                           train, bidirectional);
  }
  const at::Tensor hidden = copy_of(hx[0]), memory = copy_of(hx[1]);
  return {run_layers<LstmCell>(data, *steps, network, hidden, memory), hidden, memory};
}

template <class Op, auto kernel>
void add(torch::Library &aten) {
  aten.impl(full_name<Op>().c_str(), torch::CppFunction::makeFromUnboxedFunction(TORCH_FN(kernel)));
}

}  // namespace

void add_recurrent_layers(torch::Library &aten) {
  add<at::_ops::gru_input, gru_input>(aten);
  add<at::_ops::gru_data, gru_data>(aten);
  add<at::_ops::lstm_input, lstm_input>(aten);
  add<at::_ops::lstm_data, lstm_data>(aten);
}

}  // namespace mrun_torch
