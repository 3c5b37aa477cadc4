// libtorch's cells (aten/src/ATen/native/RNN.cpp) make a dozen tensors at each step. Here sigmoid, tanh and the products are its own
// operators, and the sums between them one loop: each number is rounded as often and in the same order, so the bits are the same.
#include "recurrent_cells.h"

#include <ATen/TensorIterator.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>

#include <algorithm>
#include <utility>

namespace mrun_torch {
namespace {

void add_row(float *__restrict to, const float *__restrict from, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// candidate = input + reset * candidate
void reset_row(float *__restrict candidate, const float *__restrict reset, const float *__restrict input,
               int64_t count) {
  for (int64_t i = 0; i < count; ++i) candidate[i] = input[i] + candidate[i] * reset[i];
}

void update_row(float *__restrict hidden, float *__restrict out, const float *__restrict update,
                const float *__restrict candidate, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float next = (hidden[i] - candidate[i]) * update[i] + candidate[i];
    hidden[i] = out[i] = next;
  }
}

// gates: input, forget, candidate.
void remember_row(float *__restrict memory, const float *__restrict gates, int64_t count) {
  const float *const input = gates, *const forget = gates + count, *const candidate = gates + 2 * count;
  for (int64_t i = 0; i < count; ++i) memory[i] = forget[i] * memory[i] + input[i] * candidate[i];
}

void put_out_row(float *__restrict hidden, float *__restrict out, const float *__restrict gate,
                 const float *__restrict squashed, int64_t count) {
  for (int64_t i = 0; i < count; ++i) hidden[i] = out[i] = gate[i] * squashed[i];
}

RowBlocks blocks_of(const at::Tensor &t) {
  const int64_t each = std::max<int64_t>(1, (at::internal::GRAIN_SIZE - 1) / t.size(1));
  return t.split(each);
}

void sigmoid(RowBlocks &blocks) {
  for (at::Tensor &t : blocks) t.sigmoid_();
}

void tanh(RowBlocks &blocks) {
  for (at::Tensor &t : blocks) t.tanh_();
}

}  // namespace

RecurrentCell::RecurrentCell(const CellWeights &weights, at::Tensor hidden, int64_t gates)
    : matrix_(weights.w_hh.t()),
      bias_(weights.b_hh),
      all_hidden_(std::move(hidden)),
      all_gates_(at::empty({all_hidden_.size(0), gates * all_hidden_.size(1)}, all_hidden_.options())),
      units_(all_hidden_.size(1)) {}

bool RecurrentCell::change_rows(int64_t count) {
  if (count == rows_) return false;
  rows_ = count;
  hidden_ = all_hidden_.narrow(0, 0, count);
  gates_ = all_gates_.narrow(0, 0, count);
  return true;
}

void RecurrentCell::multiply() {
  if (bias_.defined()) {
    at::addmm_out(gates_, bias_, hidden_, matrix_);
  } else {
    at::mm_out(gates_, hidden_, matrix_);
  }
}

RowBlocks RecurrentCell::part(int64_t first, int64_t count) const {
  return blocks_of(gates_.narrow(1, first * units_, count * units_));
}

void GruCell::take_rows(int64_t count) {
  if (!change_rows(count)) return;
  reset_and_update_ = part(0, 2);
  candidate_ = part(2, 1);
}

void GruCell::step(const float *input, float *out) {
  const int64_t n = units(), width = gate_count * n;
  multiply();
  for (int64_t r = 0; r < rows(); ++r) add_row(gates() + r * width, input + r * width, 2 * n);
  sigmoid(reset_and_update_);
  for (int64_t r = 0; r < rows(); ++r) {
    float *const row = gates() + r * width;
    reset_row(row + 2 * n, row, input + r * width + 2 * n, n);
  }
  tanh(candidate_);
  for (int64_t r = 0; r < rows(); ++r) {
    const float *const row = gates() + r * width;
    update_row(hidden() + r * n, out + r * n, row + n, row + 2 * n, n);
  }
}

LstmCell::LstmCell(const CellWeights &weights, const at::Tensor &hidden, at::Tensor memory)
    : RecurrentCell(weights, hidden, gate_count),
      all_memory_(std::move(memory)),
      all_squashed_(at::empty_like(hidden)) {}

void LstmCell::take_rows(int64_t count) {
  if (!change_rows(count)) return;
  input_and_forget_ = part(0, 2);
  candidate_ = part(2, 1);
  output_ = part(3, 1);
  memory_ = blocks_of(all_memory_.narrow(0, 0, rows()));
  squashed_ = blocks_of(all_squashed_.narrow(0, 0, rows()));
}

void LstmCell::step(const float *input, float *out) {
  const int64_t n = units(), width = gate_count * n;
  multiply();
  add_row(gates(), input, rows() * width);
  sigmoid(input_and_forget_);
  tanh(candidate_);
  sigmoid(output_);
  auto *const memory = all_memory_.data_ptr<float>();
  for (int64_t r = 0; r < rows(); ++r) remember_row(memory + r * n, gates() + r * width, n);
  for (size_t i = 0; i < memory_.size(); ++i) at::tanh_out(squashed_[i], memory_[i]);
  const auto *const squashed = all_squashed_.data_ptr<float>();
  for (int64_t r = 0; r < rows(); ++r)
    put_out_row(hidden() + r * n, out + r * n, gates() + r * width + 3 * n, squashed + r * n, n);
}

}  // namespace mrun_torch
