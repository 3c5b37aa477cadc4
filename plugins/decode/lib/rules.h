// What changes a row's scores before tokens are chosen: penalties, and tokens that may not follow.
#pragma once
#include "row.h"

namespace decode {

class Rules {
 public:
  explicit Rules(const SearchOptions &);
  bool any() const { return any_; }
  // scores: the row's own copy, of which log_sum is log(sum(exp)).
  void apply(const Row &, float *scores, int64_t count, double log_sum) const;

 private:
  void penalize(const Row &, float *scores, double log_sum) const;
  void forbid_ngrams(const Tokens &history, float *scores) const;
  void forbid_words(const Tokens &history, float *scores) const;
  void force(int64_t token, float *scores, int64_t count) const;
  void force_end(float *scores, int64_t count) const;

  const SearchOptions &options_;
  bool any_;
};

}  // namespace decode
