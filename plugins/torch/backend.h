// The backend "torch": TorchScript files.
#pragma once
#include <mrun/plugin.h>

namespace mrun_torch {

int register_backend(mrun_registry *registry);

}  // namespace mrun_torch
