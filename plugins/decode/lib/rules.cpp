#include "rules.h"

#include <algorithm>
#include <limits>
#include <string>

#include "error.h"

namespace decode {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

}  // namespace

Rules::Rules(const SearchOptions &o)
    : options_(o),
      any_(o.repetition_penalty != 1 || o.no_repeat_ngram > 0 || !o.suppress.empty() || !o.bad_words.empty() ||
           o.constraint || !o.forced.empty() || o.min_new > 0 || o.scoring == Scoring::fairseq) {}

// What was fed and generated. CTranslate2 leaves out the token that it starts from.
Tokens Rules::history(const Row &row) const {
  const auto from = options_.prompt.begin() + (options_.scoring == Scoring::ctranslate2 ? 1 : 0);
  Tokens all(from, options_.prompt.end());
  all.insert(all.end(), row.tokens.begin(), row.tokens.end());
  return all;
}

// Keskar et al. 2019: each token that was there once has its score multiplied, or divided where it is above `zero`.
void Rules::penalize(const Tokens &history, float *scores, double zero) const {
  Tokens seen = history;
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const int64_t token : seen) {
    const double score = double{scores[token]} - zero;
    const double penalty = options_.repetition_penalty;
    const double penalized = zero + (score < 0 ? score * penalty : score / penalty);
    if (penalized > std::numeric_limits<float>::max()) {
      throw Error(Error::setting,
                  "repetition_penalty: it makes the score of token " + std::to_string(token) + " infinite");
    }
    scores[token] = static_cast<float>(penalized);
  }
}

// A token that would end a run of n tokens that was there before.
void Rules::forbid_ngrams(const Tokens &history, float *scores) const {
  const auto n = static_cast<std::ptrdiff_t>(options_.no_repeat_ngram);
  if (static_cast<std::ptrdiff_t>(history.size()) < n) return;
  const auto last = history.end() - (n - 1);
  for (auto at = history.begin(); at + (n - 1) < history.end(); ++at) {
    if (std::equal(last, history.end(), at)) scores[at[n - 1]] = never;
  }
}

void Rules::forbid_words(const Tokens &history, float *scores) const {
  for (const Tokens &word : options_.bad_words) {
    const size_t before = word.size() - 1;
    if (before > history.size()) continue;
    if (std::equal(word.begin(), word.end() - 1, history.end() - static_cast<std::ptrdiff_t>(before))) {
      scores[word.back()] = never;
    }
  }
}

void Rules::force(int64_t token, float *scores, int64_t count) const {
  const float kept = scores[token];
  std::fill(scores, scores + count, never);
  scores[token] = kept;
}

void Rules::force_end(float *scores, int64_t count) const {
  std::vector<float> kept;
  for (const int64_t e : options_.eos) kept.push_back(scores[e]);
  std::fill(scores, scores + count, never);
  for (size_t i = 0; i < kept.size(); ++i) scores[options_.eos[i]] = kept[i];
}

void Rules::apply(const Row &row, float *scores, int64_t count, double log_sum, double shift) const {
  const auto done = static_cast<int64_t>(row.tokens.size());
  if (done < static_cast<int64_t>(options_.forced.size())) {
    force(options_.forced[static_cast<size_t>(done)], scores, count);
    return;
  }
  if (options_.repetition_penalty != 1 || options_.no_repeat_ngram > 0 || !options_.bad_words.empty()) {
    const Tokens before = history(row);
    if (options_.repetition_penalty != 1) penalize(before, scores, options_.penalizes_logits() ? -shift : log_sum);
    if (options_.no_repeat_ngram > 0) forbid_ngrams(before, scores);
    forbid_words(before, scores);
  }
  for (const int64_t token : options_.suppress) scores[token] = never;
  if (done < options_.min_new) {
    for (const int64_t token : options_.eos) scores[token] = never;
  }
  if (options_.constraint) {
    options_.constraint->mask(row.state, scores, count, options_.eos, options_.most_text() - done);
  }
  if (options_.scoring == Scoring::fairseq && done + 1 == options_.max_new && !options_.eos.empty()) {
    force_end(scores, count);
  }
}

}  // namespace decode
