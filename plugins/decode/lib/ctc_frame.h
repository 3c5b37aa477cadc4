// One frame of CTC's scores as log-probabilities, and sums of probabilities by their logarithms.
#pragma once
#include <cmath>
#include <limits>
#include <utility>

#include "ctc.h"
#include "error.h"
#include "softmax.h"

namespace decode {

struct Frame {
  const float *scores;
  double log_sum;
  double operator[](int64_t label) const { return double{scores[label]} - log_sum; }
};

inline Frame frame_at(const Frames &f, int64_t t) {
  const float *const scores = f.scores + t * f.labels;
  const double log_sum = log_sum_exp(scores, f.labels);
  if (!std::isfinite(log_sum)) {
    throw Error(Error::setting, "scores: frame " + std::to_string(t) + " has NaN, an infinity or nothing but -inf");
  }
  return {scores, log_sum};
}

constexpr double log_zero = -std::numeric_limits<double>::infinity();

inline double add_logs(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == log_zero ? a : a + std::log1p(std::exp(b - a));
}

}  // namespace decode
