// Connectionist temporal classification: from scores of frames to tokens, and where in time each lies.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "polling.h"

namespace decode {

// Scores [frames][labels]; each frame's are taken as log-probabilities after log_softmax.
struct Frames {
  const float *scores = nullptr;
  int64_t count = 0, labels = 0;
  int64_t blank = 0;
};

struct CtcHypothesis {
  std::vector<int64_t> tokens;
  std::vector<int64_t> first, last;  // frames of each token, both ends included
  double score = 0;
};

// Words that a transcript may consist of, and what the words of a transcript are worth.
struct CtcWords {
  std::vector<std::string> labels;  // the text of each; empty: no words are known
  std::string separator = " ";      // between two words: a label, or part of one
  std::vector<std::string> words;   // empty: any
  // Natural logarithms by words with a space between; `backoffs` by the words that a longer history was cut to.
  std::map<std::string, double> ngrams, backoffs;
  double lm_weight = 1, word_bonus = 0, unknown = -10;
};

// The best label of each frame; repeats and blanks are left out. score: the sum of these labels' log-probabilities.
CtcHypothesis ctc_greedy(const Frames &, const Poll &);

// Prefix beam search: score is log of the sum over all alignments that the beam kept, and what the words are worth.
// At most `wanted`, best first; without first and last, which ctc_align gives.
constexpr int64_t most_ctc_beam = 4096;
std::vector<CtcHypothesis> ctc_beam(const Frames &, const CtcWords &, int64_t beam, int64_t wanted, const Poll &);

// The most probable alignment of these tokens. Throws Error where there are too few frames or a token is none.
CtcHypothesis ctc_align(const Frames &, const std::vector<int64_t> &tokens, const Poll &);

}  // namespace decode
