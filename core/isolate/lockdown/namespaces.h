// Namespaces of a worker: no network, no file system, no capability outside, nobody's shared memory.
#pragma once
#include <string>

namespace mrun {

// Both return why not; empty: it is done. While the process has one thread.
std::string enter_namespaces();
std::string enter_empty_root();  // after enter_namespaces: a read-only root without a file

}  // namespace mrun
