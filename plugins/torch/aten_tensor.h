// The operation torch.tensor@1, which ATen does not have: it belongs to PyTorch's Python.
#pragma once
#include <mrun/plugin.h>

namespace mrun_torch {

int register_tensor(mrun_registry *registry);

}  // namespace mrun_torch
