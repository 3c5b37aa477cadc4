// One step of a recurrent layer, in place.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace mrun_torch {

// Of one layer in one direction; the biases are undefined where it has none.
struct CellWeights {
  at::Tensor w_ih, w_hh, b_ih, b_hh;
};

// Rows of a tensor that libtorch works on in one thread: between two, a row's last bits could depend on its place.
using RowBlocks = std::vector<at::Tensor>;

// Of libtorch's loops over vectors the last elements, which fill none, are computed otherwise: no row has such.
inline constexpr int64_t units_multiple = 32, most_units = 8192;

// What the cells share: the state's product with its weights, into memory that is there already.
class RecurrentCell {
 public:
  // hidden: float [rows, units], contiguous, replaced at each step.
  RecurrentCell(const CellWeights &weights, at::Tensor hidden, int64_t gates);

 protected:
  bool change_rows(int64_t count);                     // whether they were others
  void multiply();                                     // gates = hidden w_hh' + b_hh
  RowBlocks part(int64_t first, int64_t count) const;  // of the gates
  float *gates() const { return gates_.data_ptr<float>(); }
  float *hidden() const { return hidden_.data_ptr<float>(); }
  int64_t rows() const { return rows_; }
  int64_t units() const { return units_; }

 private:
  at::Tensor matrix_, bias_, all_hidden_, all_gates_, hidden_, gates_;
  int64_t rows_ = 0, units_;
};

class GruCell final : public RecurrentCell {
 public:
  static constexpr int64_t gate_count = 3;
  GruCell(const CellWeights &weights, const at::Tensor &hidden) : RecurrentCell(weights, hidden, gate_count) {}
  void take_rows(int64_t count);  // the first so many take the next steps
  // input: the input's gates, x w_ih' + b_ih; out: the new state. A row behind the other.
  void step(const float *input, float *out);

 private:
  RowBlocks reset_and_update_, candidate_;
};

class LstmCell final : public RecurrentCell {
 public:
  static constexpr int64_t gate_count = 4;
  LstmCell(const CellWeights &weights, const at::Tensor &hidden, at::Tensor memory);  // memory: as hidden
  void take_rows(int64_t count);
  void step(const float *input, float *out);

 private:
  RowBlocks input_and_forget_, candidate_, output_, memory_, squashed_;
  at::Tensor all_memory_, all_squashed_;
};

}  // namespace mrun_torch
