#pragma once
#include "api/handles.h"

namespace mrun::api {
// mrun_options as the engine's; NULL: all defaults. Throws USAGE.
EngineOptions engine_options(const mrun_options *);
}  // namespace mrun::api
