// The `aten.` namespace: ATen's operators by schema.
#pragma once
#include <mrun/plugin.h>

namespace mrun_torch {

// Adds the namespace, and torch.tensor@1, to the registry; MRUN_OK or the code of what was refused.
int register_aten(mrun_registry *registry);

}  // namespace mrun_torch
