// What a bundle wants of its models, once they are open: names in [batch], a forward to call.
#pragma once
#include <vector>

#include "bundle/bundle.h"
#include "plugin/schema.h"

namespace mrun {

using ModelMethods = std::vector<std::vector<Schema>>;  // of each of the manifest's models, in its order

// Throws BUNDLE for a name that none of those has for which it stands.
void check_batching(const Manifest &, const ModelMethods &);
// Without forward.lua, forward of the only model is called. Throws BUNDLE where there are several, or it has none.
void check_forward(const Bundle &, const ModelMethods &);

}  // namespace mrun
