#include "pool.h"

#include <algorithm>
#include <cmath>

namespace decode {

Pool::Pool(const SearchOptions &o)
    : options_(o),
      capacity_(static_cast<size_t>(std::max<int64_t>(
          o.n_best, std::llround(static_cast<double>(o.rows()) * (o.scoring == Scoring::fairseq ? 1 : o.patience))))) {}

// log(min(attention, 1)) summed over the sources, the attention that each got from all tokens (Wu et al. 2016, eq. 14).
// A source that got none counts as if it had got nearly none; to CTranslate2 it counts as nothing.
static double coverage(const Hypothesis &h, bool leaves_out_none) {
  constexpr double least = 1e-20;
  double total = 0;
  for (int64_t s = 0; s < h.sources; ++s) {
    double got = 0;
    for (size_t at = static_cast<size_t>(s); at < h.attention.size(); at += static_cast<size_t>(h.sources)) {
      got += double{h.attention[at]};
    }
    if (got > 0 || !leaves_out_none) total += std::log(std::clamp(got, least, 1.0));
  }
  return total;
}

double Pool::score(const Hypothesis &h) const {
  const double length = std::pow(static_cast<double>(h.tokens.size()), options_.length_penalty);
  if (options_.coverage_penalty == 0) return h.sum / length;
  return h.sum / length + options_.coverage_penalty * coverage(h, options_.scoring == Scoring::ctranslate2);
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
  const bool plain = options_.patience == 1 && options_.length_penalty == 0 && options_.coverage_penalty == 0;
  if (!plain) return kept_.size() >= capacity_;
  return best_has_ended_ && static_cast<int64_t>(kept_.size()) >= options_.n_best;
}

bool Pool::done(double best, int64_t length) const {
  if (options_.scoring == Scoring::ctranslate2) return done_as_ctranslate2();
  if (kept_.size() < capacity_) return false;
  if (options_.scoring == Scoring::fairseq || options_.early_stopping == Stopping::at_count) return true;
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
