// What mrun_options says, as the engine has it.
#pragma once
#include "api/handles.h"

namespace mrun::api {
// mrun_options as the engine's, with the process's one registry; NULL: all defaults. The host's functions are called with
// the pointers that it gave, which must live as long as the engine. Throws USAGE.
EngineOptions engine_options(const mrun_options *);

// How sessions of this bundle start: in a worker process, or in this one. Throws USAGE.
using StartSession = std::function<std::unique_ptr<Session>(std::shared_ptr<const Bundle>, EngineOptions)>;
StartSession isolation_of(const Bundle &, const mrun_options *);
}  // namespace mrun::api
