// Best paths: through states (Viterbi), through a matrix (time warping), between two sequences (edit distance).
#pragma once
#include <cstdint>
#include <vector>

#include "polling.h"

namespace decode {

struct Path {
  std::vector<int64_t> states;
  double score = 0;
};

// The sequence of states with the greatest sum of emissions [steps][states], transitions [states][states] (from, to),
// `start` and `stop` [states] (null: none). Of equal ones that whose last differing state is lower.
Path viterbi(const double *emissions, int64_t steps, int64_t states, const double *transitions, const double *start,
             const double *stop, const Poll &);

struct Warp {
  std::vector<int64_t> rows, columns;  // of each place of the path
};

// The path from the first to the last corner of costs [rows][columns] with the least sum, each step to the next row, the
// next column or both (dynamic time warping).
Warp warp(const double *costs, int64_t rows, int64_t columns, const Poll &);

struct Edits {
  int64_t distance = 0, substitutions = 0, insertions = 0, deletions = 0;
};

// The fewest edits that make b of a; of equally few those with the fewest insertions and deletions.
Edits edit_distance(const std::vector<int64_t> &a, const std::vector<int64_t> &b, const Poll &);

}  // namespace decode
