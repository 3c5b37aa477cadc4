// Taking a model's weights out of its file, for packing.
#pragma once
#include <mrun/plugin.h>

namespace mrun_torch {

// data: a TorchScript file. graph: a 1-D uint8 tensor, the file without weights (backend_load.h has its format).
// weights: a map from name to contiguous tensors that share the loaded model's memory. Proved before it returns: the
// two, loaded together, give every tensor of the model again, to the bit, with the same shape, strides and dtype.
// Throws mrun::error MISSING, with the reason, where the model has to be packed whole.
void split(mrun_call *call, const void *data, size_t size, mrun_value *graph, mrun_value *weights);

}  // namespace mrun_torch
