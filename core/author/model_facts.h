// What bundle.lock says of the models: their methods, as their backends describe them.
#pragma once
#include "bundle/lock.h"
#include "exec/engine.h"

namespace mrun {
// Of the models that an engine has opened.
std::vector<ModelFacts> model_facts(const Engine &);
// Opens every model of the bundle for it, on the CPU. Throws what opening throws.
std::vector<ModelFacts> model_facts(const Bundle &);
}  // namespace mrun
