// What changes a row's scores before tokens are chosen: penalties, and tokens that may not follow.
#pragma once
#include "row.h"

namespace decode {

class Rules {
 public:
  explicit Rules(const SearchOptions &);
  bool any() const { return any_; }
  // scores: the row's own copy: log-probabilities are these less `log_sum`, what the step gave these plus `shift`.
  void apply(const Row &, float *scores, int64_t count, double log_sum, double shift) const;

 private:
  Tokens history(const Row &) const;
  void penalize(const Tokens &history, float *scores, double zero) const;
  void forbid_ngrams(const Tokens &history, float *scores) const;
  void forbid_words(const Tokens &history, float *scores) const;
  void force(int64_t token, float *scores, int64_t count) const;
  void force_end(float *scores, int64_t count) const;

  const SearchOptions &options_;
  bool any_;
};

}  // namespace decode
