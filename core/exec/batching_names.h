// The names in [batch]: methods and arguments that a model must have.
#pragma once
#include <vector>

#include "bundle/manifest.h"
#include "plugin/schema.h"

namespace mrun {

// `methods`: of each of the manifest's models, in its order. Throws BUNDLE for a name that none of those has for which it
// stands.
void check_batching(const Manifest &, const std::vector<std::vector<Schema>> &methods);

}  // namespace mrun
