// What is in a bundle, as documented JSON. Reads files; runs nothing, loads no plugin.
#pragma once
#include <string>

#include "bundle/bundle.h"

namespace mrun {

// what: a part, or "" for all but "stats" as one map with these keys and "digest", "packed". Throws USAGE for another
// word. tools/mrun/JSON.md describes each for users; the test command_inspect holds both to it.
//   manifest    {"name", "version", "description", "input": {"kind", "fields"}, "models": [{"name", "file", "backend",
//               "methods", "stateful", "options", "files"}], "batch", "verify", "provenance"}
//   params      as in bundle.toml
//   parameters  [{"name": "decode.beam", "type", "value"}]: params with dotted names
//   gives       {"example", "type"}: what an example's answer looks like; nil without examples
//   needs       {"script", "operations": {owner: {"count", "version"}}, "backends": {model: name}, "packed_with"}; nil
//               for a folder
//   entries     [{"path", "size", "sha256"}]
//   tensors     [{"model", "name", "dtype", "shape", "bytes"}] of the split models
//   stats       tensors, each with {"min", "max", "mean", "nan"}: reads all weights
//   operations  ["image.resize@1", …]
//   history     the lock's revision
//   signatures  [{"key", "checked", "error"}]
//   examples    ["NAME", …]
//   left_out    a sentence for each line of a folder's scripts that cannot be meant, and each file that is no part of it
Value inspect(const Bundle &, const std::string &what);

}  // namespace mrun
