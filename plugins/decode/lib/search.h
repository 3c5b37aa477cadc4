// Beam search, greedy search and sampling of one item: which tokens to feed, and what to make of the scores that come
// back. Calls no model: the caller feeds the tokens, reorders what the model keeps, and gives the scores.
#pragma once
#include <functional>

#include "candidates.h"
#include "pool.h"
#include "rules.h"

namespace decode {

// What a step gave for the rows that were fed.
struct StepScores {
  const float *scores = nullptr;  // [rows][vocabulary]; not changed
  int64_t rows = 0, vocabulary = 0;
  const float *attention = nullptr;  // [rows][sources], or none
  int64_t sources = 0;
};

class Search {
 public:
  // Called before the rules, with log-probabilities [rows][vocabulary] that it may change.
  using Bias = std::function<void(float *log_probs, const Search &)>;

  explicit Search(SearchOptions);  // throws Error

  // One for each row; the first time one row, whatever the beam.
  const Tokens &to_feed() const { return feed_; }
  bool over() const { return over_; }
  // Takes the scores of what was fed. Throws Error; `poll` may throw.
  void advance(const StepScores &, const Bias &, const Poll &poll);
  // After advance: for each row to feed, the row that it comes from.
  const std::vector<size_t> &origins() const { return origins_; }

  const std::vector<Row> &rows() const { return rows_; }
  int64_t step() const { return step_; }  // tokens that each row has generated
  const SearchOptions &options() const { return options_; }
  // What no later step can change of the best hypothesis's tokens: what all rows and hypotheses begin with.
  Tokens settled() const;
  // At most what rows and hypotheses hold while `advance` takes such scores.
  int64_t bytes(int64_t vocabulary, int64_t sources) const;
  std::vector<Hypothesis> results() { return pool_.best(); }  // once it is over

 private:
  struct Weighed {  // the rows' scores after the rules
    std::vector<const float *> scores;
    std::vector<double> log_sums;
    std::vector<float> copy;
  };
  void check_shapes(const StepScores &);
  Weighed weigh(const StepScores &, const Bias &, const Poll &);
  std::vector<Candidate> candidates(const Weighed &, int64_t vocabulary, const Poll &) const;
  std::vector<Candidate> drawn(const Weighed &, int64_t vocabulary, const Poll &) const;
  Row continued(const Candidate &, const Weighed &, const StepScores &) const;
  void follow(Row &, int64_t token) const;
  int stop_text(Row &) const;
  bool complete(size_t row, const Weighed &, int64_t vocabulary) const;
  void choose(const std::vector<Candidate> &, const Weighed &, const StepScores &, const Poll &);
  void choose_last(const std::vector<Candidate> &, const Weighed &, const StepScores &, const Poll &);
  void keep(Row, size_t origin);
  void end(const Row &, bool ended, int stop, int64_t sources);
  void finish(int64_t sources);
  bool is_eos(int64_t token) const;
  bool loses_eos(size_t rank) const;

  SearchOptions options_;
  Rules rules_;
  Pool pool_;
  std::vector<Row> rows_;
  std::vector<uint64_t> streams_;  // of random numbers, one a row
  std::vector<size_t> origins_;
  Tokens feed_;
  size_t fed_ = 0;  // of the prompt
  int64_t step_ = 0;
  int64_t vocabulary_ = 0, sources_ = -1;
  bool over_ = false;
};

}  // namespace decode
