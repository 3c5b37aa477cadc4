// What a search is asked for. decode.md states each formula.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "constraint.h"

namespace decode {

using Tokens = std::vector<int64_t>;

enum class Scoring { huggingface, ctranslate2, fairseq };
enum class Stopping { never, bound, at_count };  // early_stopping = "never", false, true

struct SearchOptions {
  Tokens prompt;          // bos or the prefix: fed first, never part of a hypothesis
  Tokens eos;             // any of them ends a hypothesis
  Tokens forced;          // the first generated tokens
  int64_t beam = 4;       // rows, where nothing is drawn
  int64_t n_best = 1;     // hypotheses that are wanted; rows, where tokens are drawn
  int64_t max_new = 256;  // generated tokens, eos included
  int64_t min_new = 0;    // no eos before so many
  double length_penalty = 1, patience = 1, coverage_penalty = 0;
  Stopping early_stopping = Stopping::bound;
  Scoring scoring = Scoring::huggingface;

  int64_t no_repeat_ngram = 0;    // 0: repeats are allowed
  double repetition_penalty = 1;  // of tokens that were fed or generated
  Tokens suppress;
  std::vector<Tokens> bad_words;
  std::shared_ptr<const Constraint> constraint;

  std::vector<std::string> stop;  // texts that end a hypothesis
  std::shared_ptr<const Pieces> pieces;

  bool sample = false;  // tokens are drawn
  double temperature = 1, top_p = 1, min_p = 0;
  int64_t top_k = 0;  // 0: all
  uint64_t seed = 0;

  int64_t alternatives = 0;  // so many of the best tokens at each place
  bool attention = false;    // the step gives attention too

  int64_t rows() const { return sample ? n_best : beam; }
  // The repetition penalty works on what the step gave, not on log-probabilities: without a beam, and in CTranslate2.
  bool penalizes_logits() const { return sample || beam == 1 || scoring == Scoring::ctranslate2; }
  // Tokens that come at most, other than the eos which fairseq wants last.
  int64_t most_text() const { return scoring == Scoring::fairseq && !eos.empty() ? max_new - 1 : max_new; }
  void check() const;                         // throws Error for what can never be
  void check_vocabulary(int64_t size) const;  // throws Error for a token outside it
};

std::string number_text(double);  // of an error

}  // namespace decode
