// What is in a bundle, as documented JSON. Reads files; runs nothing, loads no plugin.
#pragma once
#include <string>

#include "bundle/bundle.h"

namespace mrun {

// what: "manifest", "params", "entries", "tensors", "operations", "history", "examples", or "" for all as one map with
// these keys and "digest", "packed". Throws USAGE for another word.
//   manifest    {"name", "version", "description", "input": {"kind", "fields"}, "models": [{"name", "file", "backend",
//   "stateful",
//               "options", "files"}], "batch", "verify", "provenance"}
//   params      as in bundle.toml
//   entries     [{"path", "size", "sha256"}]
//   tensors     [{"model", "name", "dtype", "shape", "bytes"}] of the split models
//   operations  ["image.resize@1", …]
//   history     the lock's revision
//   examples    ["NAME", …]
Value inspect(const Bundle &, const std::string &what);

}  // namespace mrun
