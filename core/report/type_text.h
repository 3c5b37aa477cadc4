// What a value looks like, as one would write its type: "{label: string, scores: [number x 5]}".
#pragma once
#include <string>

#include "value/value.h"

namespace mrun {
// Long lists and tables are cut with "…"; bytes as JSON writes them are "bytes" with their media type.
std::string type_text(const Value &);
}  // namespace mrun
