// Exact batches: the sizes at which a row's bits depend neither on the size, nor on its place, nor on its companions.
// Linear algebra libraries choose their kernels by the number of rows; from 16 rows on in multiples of 8 the ones tried
// give each row the same bits. It is proven where it runs: see prove_exact.
#pragma once
#include <cstdint>

namespace mrun {

inline constexpr int64_t exact_least = 16, exact_step = 8;

// The smallest size of the ladder that holds `rows`.
inline int64_t exact_size(int64_t rows) {
  return rows <= exact_least ? exact_least : (rows + exact_step - 1) / exact_step * exact_step;
}

}  // namespace mrun
