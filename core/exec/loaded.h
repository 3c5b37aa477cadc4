// Opening a bundle for running: its operations checked, its models loaded, its parameters overridden. Made once an
// engine, shared by its workers; immutable but for what models and the shared store guard themselves.
#pragma once
#include <memory>
#include <vector>

#include "exec/model.h"
#include "exec/options.h"
#include "script/state.h"

namespace mrun {

// Its address must not change: states and items' contexts refer to it.
struct Loaded {
  std::shared_ptr<const Bundle> bundle;
  EngineOptions options;  // defaults filled in
  Value params;
  std::vector<std::unique_ptr<Model>> models;
  std::vector<ModelInfo> model_infos;
  std::shared_ptr<SharedStore> shared;
};

// What was left open: by the machine's cores, whether there is one item or many, and whether answers are exact.
void fill_in_defaults(EngineOptions &, const Manifest &);

// Throws USAGE (an option), BUNDLE, MISSING (an operation, a backend), MODEL.
std::unique_ptr<Loaded> load(std::shared_ptr<const Bundle>, EngineOptions);

std::unique_ptr<State> make_state(const Loaded &);  // runs the scripts' top-level code; throws what that failed with

// The context of one item: its limits, seed and number.
std::shared_ptr<ItemContext> make_context(const Loaded &, uint64_t number);

}  // namespace mrun
