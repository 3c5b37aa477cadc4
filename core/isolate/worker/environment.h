// The worker's environment: what its parent passes on, and what of it stays once the plugins are loaded.
#pragma once
#include <algorithm>
#include <iterator>
#include <string_view>

namespace mrun {

// "OMP_NUM_THREADS=1" and the like: how libraries compute. They read it as late as at their first operator, so it stays.
inline bool tunes_arithmetic(std::string_view entry) {
  constexpr std::string_view prefixes[] = {"OMP_", "OPENBLAS_", "MKL_", "KMP_", "GOMP_", "DNNL_", "ONEDNN_", "ATEN_"};
  return std::any_of(std::begin(prefixes), std::end(prefixes), [&](auto p) { return entry.starts_with(p); });
}

// Wipes all of it but that.
void forget_environment();

}  // namespace mrun
