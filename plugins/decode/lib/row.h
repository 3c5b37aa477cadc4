// A hypothesis in the making, and a made one.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "options.h"

namespace decode {

struct Row {
  Tokens tokens;                  // generated so far, eos included
  std::vector<double> log_probs;  // of each
  double sum = 0;                 // of log_probs
  // For each token its `alternatives` best, best first; fewer where fewer may follow.
  std::vector<std::vector<std::pair<int64_t, double>>> alternatives;
  std::vector<float> attention;  // [tokens][sources]
  std::string tail;              // the text's end, as far as a stop text could begin in it
  int32_t state = Constraint::start;
};

struct Hypothesis : Row {
  double score = 0;
  bool ended = false;  // by eos or a stop text; else by max_new
  int stop = -1;       // which stop text
  int64_t sources = 0;
};

}  // namespace decode
