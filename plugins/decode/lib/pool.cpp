#include "pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace decode {

namespace {

// A beam of one is greedy search: it ends with its first hypothesis. fairseq has no patience.
size_t capacity(const SearchOptions &o) {
  const bool patient = o.rows() > 1 && o.scoring != Scoring::fairseq;
  const auto wanted = static_cast<double>(o.rows()) * (patient ? o.patience : 1);
  return static_cast<size_t>(std::max<int64_t>(o.n_best, std::llround(wanted)));
}

// log(min(attention, 1)) summed over the sources, the attention that each got from the tokens (Wu et al. 2016, eq. 14).
// A source that got none counts as if it had got nearly none; to CTranslate2 it counts as nothing.
double coverage(const Hypothesis &h, size_t tokens, bool leaves_out_none) {
  constexpr double least = 1e-20;
  const auto sources = static_cast<size_t>(h.sources);
  double total = 0;
  for (size_t s = 0; s < sources; ++s) {
    double got = 0;
    for (size_t t = 0; t < tokens; ++t) got += double{h.attention[t * sources + s]};
    if (got > 0 || !leaves_out_none) total += std::log(std::clamp(got, least, 1.0));
  }
  return total;
}

}  // namespace

Pool::Pool(const SearchOptions &o) : options_(o), capacity_(capacity(o)) {}

// CTranslate2 divides by the length of what it gives, and it gives no eos.
bool Pool::without_eos(const Hypothesis &h) const {
  return options_.scoring == Scoring::ctranslate2 &&
         std::find(options_.eos.begin(), options_.eos.end(), h.tokens.back()) != options_.eos.end();
}

double Pool::score(const Hypothesis &h) const {
  const size_t tokens = h.tokens.size() - (without_eos(h) ? 1 : 0);
  // Divided by no length: last of all, though as a number that JSON has.
  if (tokens == 0 && options_.length_penalty > 0) return double{std::numeric_limits<float>::lowest()};
  const double mean = h.sum / std::pow(static_cast<double>(tokens), options_.length_penalty);
  if (options_.coverage_penalty == 0) return mean;
  return mean + options_.coverage_penalty * coverage(h, tokens, options_.scoring == Scoring::ctranslate2);
}

void Pool::add(Hypothesis h) {
  h.score = score(h);
  // CTranslate2 keeps all that end in the step which fills the pool, fairseq the first ones, Hugging Face the best.
  if (kept_.size() < capacity_ || options_.scoring == Scoring::ctranslate2) {
    kept_.push_back(std::move(h));
    return;
  }
  if (options_.scoring == Scoring::fairseq) return;
  const auto worst =
      std::min_element(kept_.begin(), kept_.end(), [](const auto &a, const auto &b) { return a.score < b.score; });
  if (h.score <= worst->score) return;
  kept_.erase(worst);
  kept_.push_back(std::move(h));
}

bool Pool::done_as_ctranslate2() const {
  const bool penalties = options_.length_penalty != 0 || options_.coverage_penalty != 0;
  if (penalties) return kept_.size() >= capacity_;
  return best_has_ended_ && static_cast<int64_t>(kept_.size()) >= options_.n_best;
}

bool Pool::done(double best, int64_t length) const {
  if (options_.scoring == Scoring::ctranslate2) return done_as_ctranslate2();
  if (kept_.size() < capacity_) return false;
  const bool counts = options_.scoring == Scoring::fairseq || options_.early_stopping == Stopping::at_count;
  if (counts || options_.rows() == 1) return true;
  // What an open row may still score: its sum only falls, and where length is rewarded the longest is divided by most
  // ("never"). With the present length instead, as false has it, a better one may be missed.
  const bool longest = options_.early_stopping == Stopping::never && options_.length_penalty > 0;
  const auto at = static_cast<double>(longest ? options_.max_new : length);
  const double bound = best / std::pow(at, options_.length_penalty);
  return std::all_of(kept_.begin(), kept_.end(), [&](const Hypothesis &h) { return h.score >= bound; });
}

std::vector<Hypothesis> Pool::best() {
  std::stable_sort(kept_.begin(), kept_.end(), [](const auto &a, const auto &b) { return a.score > b.score; });
  if (static_cast<int64_t>(kept_.size()) > options_.n_best) kept_.resize(static_cast<size_t>(options_.n_best));
  return std::move(kept_);
}

}  // namespace decode
