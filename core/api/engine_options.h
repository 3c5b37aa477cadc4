#pragma once
#include "api/handles.h"

namespace mrun::api {
// mrun_options as the engine's; NULL: all defaults. Throws USAGE.
EngineOptions engine_options(const mrun_options *);

// How sessions of this bundle start: in a worker process, or in this one. Throws USAGE.
using StartSession = std::function<std::unique_ptr<Session>(std::shared_ptr<const Bundle>, EngineOptions)>;
StartSession isolation_of(const Bundle &, const mrun_options *);
}  // namespace mrun::api
