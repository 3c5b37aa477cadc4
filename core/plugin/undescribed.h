// For messages about what no plugin brings: the plugin files of which nothing is known, and what the others bring.
#pragma once
#include <string>

#include "plugin/catalog.h"

namespace mrun {

// "; nothing is known of /usr/lib/mrun/plugins/tiny.so: it has no tiny.json beside it that names its suffixes and
// namespaces", or nothing.
std::string undescribed(const Catalog &);
// What opens models: "; there are: torch (.pt, .pth)", or nothing.
std::string described_backends(const Catalog &);

}  // namespace mrun
