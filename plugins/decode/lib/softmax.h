// log(sum(exp(x))) of one row of scores.
#pragma once
#include <cstdint>

namespace decode {

// NaN where a score is NaN, -inf where all are, +inf where one is. Within 1e-6 of the exact value; the same bits on every
// processor. n > 0.
double log_sum_exp(const float *x, int64_t n);

}  // namespace decode
