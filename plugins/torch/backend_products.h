// Products with fixed matrices. Those of linear layers are laid out as a matrix product reads them: OpenBLAS spends most of a
// product with few rows on turning them. Large ones also go through slices of their columns when they are given few rows: a
// search's step, or a single item.
#pragma once
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/ir/ir.h>

#include <utility>
#include <vector>

namespace mrun_torch {

// Of one model: a matrix that its code multiplies by in several places is laid out once.
class Products {
 public:
  void lay_out(torch::jit::Block *);

 private:
  const at::Tensor &matrix_of(const at::Tensor &weight);
  const c10::List<at::Tensor> &slices_of(const at::Tensor &matrix);
  torch::jit::Node *multiply(torch::jit::Node *linear);
  void slice(torch::jit::Node *matmul);

  std::vector<std::pair<at::Tensor, at::Tensor>> matrices_;           // by their weights
  std::vector<std::pair<at::Tensor, c10::List<at::Tensor>>> slices_;  // by their matrices
};

}  // namespace mrun_torch
