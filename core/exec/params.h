// Overrides of the manifest's [params]: declared names only, types as declared.
#pragma once
#include <string>
#include <vector>

#include "value/value.h"

namespace mrun {

// All that are declared, those of tables too: "a", "a.b".
std::vector<std::string> names_of_params(const Value &params, const std::string &prefix = "");

// overrides: a map from "top_k" or "a.b" to a value (nil: none). Throws USAGE naming the parameter, what came, what was
// wanted, and near misses.
Value override_params(const Value &params, const Value &overrides);

}  // namespace mrun
