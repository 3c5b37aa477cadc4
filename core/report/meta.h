// What an answer was made with, so that it can be made again.
#pragma once
#include "exec/session.h"

namespace mrun {

// {"bundle": {"path", "name", "version", "digest", "revision"}, "item", "seed", "params": overrides, "device",
// "threads", "one_shot", "isolation": {"mode": "none" | "process", and a process's layers}, "versions": {"mrun", "script", "plugins": {name: version}, "libraries": {"aten": "libtorch
// 1.13.1", "libjpeg.so.62": "libjpeg.so.62.3.0"}}}. digest and revision are nil for a folder; plugins are those that are loaded now.
Value meta_of(const Session &, uint64_t item);

}  // namespace mrun
