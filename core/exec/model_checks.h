// What a bundle wants of its models, once they are open: names in [batch], a forward to call.
#pragma once
#include <vector>

#include "bundle/bundle.h"
#include "plugin/schema.h"

namespace mrun {

struct Error;
class Model;

using ModelMethods = std::vector<std::vector<Schema>>;  // of each of the manifest's models, in its order

// Throws BUNDLE for a name that none of those has for which it stands.
void check_batching(const Manifest &, const ModelMethods &);
// Without forward.lua, forward of the only model is called. Throws BUNDLE where there are several, or it has none.
void check_forward(const Bundle &, const ModelMethods &);
// A sentence where a method works as in training (dropout then draws, and normalization follows what it is given) and the
// manifest does not say that this is meant; otherwise empty.
std::string saved_in_training(const ModelConfig &, const Model &);
// A folder's message that begins with bundle.toml says where that lies.
void name_folder(const Bundle &, Error &);

}  // namespace mrun
