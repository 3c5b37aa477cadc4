// Products of a few rows with a large fixed matrix: a search's step, or a single item, through a large layer.
#pragma once
#include <torch/csrc/jit/ir/ir.h>

#include <memory>

namespace mrun_torch {

// Where the code multiplies by a large constant matrix, it goes through slices of its columns when it has few rows.
void slice_products(const std::shared_ptr<torch::jit::Graph> &);

}  // namespace mrun_torch
