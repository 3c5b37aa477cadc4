// A packed bundle back into a folder.
#pragma once
#include "bundle/bundle.h"

namespace mrun {

// Writes every entry but the container's own (format, bundle.lock, history/; of a signed bundle those too, so that its
// signature can be checked there) into a folder that is not there yet, or is
// empty; hashes are checked. The folder appears whole or not at all. Throws IO where there is something already.
void unpack(const Bundle &, const std::filesystem::path &folder);

}  // namespace mrun
