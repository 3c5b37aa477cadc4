// What bundle.lock says of the models: their methods, as their backends describe them.
#pragma once
#include "bundle/lock.h"
#include "exec/model.h"

namespace mrun {
// Opens every model of the bundle for it, on the CPU. Throws what opening throws.
std::vector<ModelFacts> model_facts(Registry &, const Bundle &);
}  // namespace mrun
