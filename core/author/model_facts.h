// What bundle.lock says of the models: their methods, as their backends describe them.
#pragma once
#include "bundle/bundle.h"
#include "bundle/lock.h"

namespace mrun {
// Opens every model of the bundle on the CPU. Throws what opening throws.
std::vector<ModelFacts> model_facts(const Bundle &);
}  // namespace mrun
