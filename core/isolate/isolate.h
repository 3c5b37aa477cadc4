// Isolation: a session whose bundle runs in a process of its own, locked up.
#pragma once
#include "exec/session.h"

namespace mrun {

// As start_session. Of the bundle this process reads what it has read already: the container, the lock, the manifest.
// Throws what start_session throws, and USAGE where the worker cannot be locked down, MISSING where there is no worker,
// CRASH, PROTOCOL and TIMEOUT where opening the bundle ended it, made it talk nonsense, or did not end.
std::unique_ptr<Session> start_isolated_session(std::shared_ptr<const Bundle>, EngineOptions);

// What would hold a worker for this bundle: {"mode": "process", "landlock": "7", …}. Starts one and ends it; the bundle
// is not opened there.
std::map<std::string, std::string> isolation_levels(const Bundle &, EngineOptions);

}  // namespace mrun
