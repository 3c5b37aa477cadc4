// What libtorch's recurrent layers believe without looking.
#pragma once
#include <ATen/core/Tensor.h>

namespace mrun_torch {

// gates: of the layers' cells. states: one or, of an LSTM, two. Throws mrun::error ARGUMENT where the states, or the weights and the
// gates, do not agree in number; of other sizes libtorch tells.
void check_layers(const char *name, int64_t gates, at::TensorList states, at::TensorList params, bool has_biases);
// Of a packed sequence: int64 [steps], falling, read as they lie.
void check_batch_sizes(const char *name, const at::Tensor &sizes);

}  // namespace mrun_torch
