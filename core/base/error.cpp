#include "base/error.h"

namespace mrun {

const char *code_name(int code) {
  static const char *const names[] = {"OK",     "USAGE",  "INPUT",    "BUNDLE",    "MISSING", "ARGUMENT",
                                      "SCRIPT", "MODEL",  "TIMEOUT",  "CANCELLED", "MEMORY",  "QUOTA",
                                      "IO",     "VERIFY", "PROTOCOL", "CRASH"};
  const auto index = static_cast<size_t>(code);
  return code >= 0 && index < std::size(names) ? names[index] : "INTERNAL";
}

}  // namespace mrun
