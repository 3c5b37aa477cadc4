#include "isolate/worker/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace mrun {
namespace {

bool tunes(std::string_view entry) {
  constexpr std::string_view prefixes[] = {"OMP_", "OPENBLAS_", "MKL_", "KMP_", "GOMP_", "DNNL_", "ONEDNN_", "ATEN_"};
  return std::any_of(std::begin(prefixes), std::end(prefixes), [&](auto p) { return entry.starts_with(p); });
}

}  // namespace

void forget_environment() {
  char **kept = environ;
  for (char **e = environ; *e != nullptr; ++e) {
    if (tunes(*e)) {
      *kept++ = *e;
    } else {
      std::memset(*e, 0, std::strlen(*e));
    }
  }
  *kept = nullptr;
}

}  // namespace mrun
