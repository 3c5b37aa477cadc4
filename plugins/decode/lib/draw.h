// Drawing a token from a row's scores.
#pragma once
#include "candidates.h"
#include "options.h"

namespace decode {

// Temperature, then top_k, top_p and min_p, in this order; `uniform` from [0, 1) picks among what is left. The result's
// log_prob is that of the scores as given, of which log_sum is log(sum(exp)). token -1: none may follow.
Candidate draw(const SearchOptions &, const float *scores, int64_t count, double log_sum, double uniform);

// A number from [0, 1) that is a function of the three.
double uniform_at(uint64_t seed, uint64_t row, uint64_t place);

}  // namespace decode
