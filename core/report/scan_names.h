// What the import of a name by a pickle says of it.
#pragma once
#include <string_view>

#include "report/scan.h"

namespace mrun {

Verdict verdict_of_import(std::string_view dotted);  // "posix.system"

}  // namespace mrun
