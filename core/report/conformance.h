// Whether a plugin keeps to plugin.h, as far as calling it can tell. Its code runs in this process: a plugin that crashes
// takes it along.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "bundle/bundle.h"
#include "plugin/registry.h"

namespace mrun {

// Told what is about to be called, "myops.scale@1: x = a string"; on the calling thread.
using ConformanceNote = std::function<void(const std::string &)>;

// Loads the plugin. Operations are given every kind of value for every parameter, many times and on several threads; of the bundle (null:
// none) the models that this plugin's backends open are opened whole and damaged, and called with what fits and what does
// not, alone and joined.
// {"plugin", "version", "operations", "models", "calls", "answered", "problems": [{"operation", "text"}]}. `answered`: how
// many of the operations and models' methods gave a result at least once; the others want what cannot be guessed.
Value check_conformance(Registry &, const std::filesystem::path &plugin, const std::shared_ptr<const Bundle> &,
                        const ConformanceNote &);

}  // namespace mrun
