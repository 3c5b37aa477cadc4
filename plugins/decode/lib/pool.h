// The hypotheses of a search that have ended, and whether a better one can still come.
#pragma once
#include <optional>

#include "row.h"

namespace decode {

class Pool {
 public:
  explicit Pool(const SearchOptions &);
  void add(Hypothesis);
  void best_ended() { best_has_ended_ = true; }  // the first of a step's candidates
  // Whether the search is over after a step. best: the greatest sum of the rows that go on; length: theirs.
  bool done(double best, int64_t length) const;
  bool empty() const { return kept_.empty(); }
  const std::vector<Hypothesis> &kept() const { return kept_; }
  std::vector<Hypothesis> best();  // at most n_best, best first

 private:
  double score(const Hypothesis &) const;
  bool without_eos(const Hypothesis &) const;
  bool done_as_ctranslate2() const;

  const SearchOptions &options_;
  size_t capacity_;
  std::vector<Hypothesis> kept_;  // in the order in which they came
  bool best_has_ended_ = false;   // in this step or before
};

}  // namespace decode
