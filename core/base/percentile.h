// The one percentile (nearest rank, no interpolation: what it gives was measured), of statistics and of what the command measures.
#pragma once
#include <cstddef>
#include <vector>

namespace mrun {

// Of sorted values: the one whose place is nearest to p (0 to 1) of the way from the first to the last; 0 of none.
inline double percentile(const std::vector<double> &sorted, double p) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(p * static_cast<double>(sorted.size() - 1) + 0.5)];
}

}  // namespace mrun
