// The `aten.` namespace: ATen's operators by schema.
#pragma once
#include <mrun/plugin.h>

namespace mrun_torch {

// Adds the namespace to the registry; MRUN_OK or add_namespace's code.
int register_aten(mrun_registry *registry);

}  // namespace mrun_torch
