// The best continuations of all live rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace decode {

struct Candidate {
  double total = 0;  // the row's sum and log_prob
  double log_prob = 0;
  size_t row = 0;
  int64_t token = 0;
};

// Keeps the `most` greatest totals of the rows that it is shown; of equal ones those of the lower row, then token.
class Candidates {
 public:
  explicit Candidates(size_t most) : most_(most) { heap_.reserve(most); }
  // Rows come in rising order. scores: the row's, of which log_sum is log(sum(exp)); -inf is never a candidate.
  void add(size_t row, double sum, const float *scores, int64_t count, double log_sum);
  std::vector<Candidate> take();  // best first

 private:
  void offer(const Candidate &);
  float threshold(double sum, double log_sum) const;

  size_t most_;
  std::vector<Candidate> heap_;  // the worst in front
};

}  // namespace decode
