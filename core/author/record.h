// Keeps a run as an example of a bundle's folder.
#pragma once
#include <filesystem>

#include "author/example.h"

namespace mrun {

// Runs `input` and writes examples/NAME: all of it or nothing. Throws USAGE (a bad name, an example of that name exists
// and `replace` is false, not a folder), or the item's error.
void record(const std::filesystem::path &folder, const std::string &name, const Value &input, const EngineOptions &,
            bool replace);

}  // namespace mrun
