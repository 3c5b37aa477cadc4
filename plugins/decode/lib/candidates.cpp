#include "candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace decode {
namespace {

bool better(const Candidate &a, const Candidate &b) {
  if (a.total != b.total) return a.total > b.total;
  return a.row != b.row ? a.row < b.row : a.token < b.token;
}

// Whether one of 64 scores is above the threshold; without branches, for the vectorizer.
bool any_above(const float *scores, float threshold) {
  int found = 0;
  for (int i = 0; i < 64; ++i) found |= static_cast<int>(scores[i] > threshold);
  return found != 0;
}

}  // namespace

void Candidates::offer(const Candidate &c) {
  if (heap_.size() == most_) {
    if (c.total <= heap_.front().total) return;  // an equal one came earlier
    std::pop_heap(heap_.begin(), heap_.end(), better);
    heap_.back() = c;
  } else {
    heap_.push_back(c);
  }
  std::push_heap(heap_.begin(), heap_.end(), better);
}

// No score at or below it can become a candidate: a little too low, since it is rounded.
float Candidates::threshold(double sum, double log_sum) const {
  constexpr float low = -std::numeric_limits<float>::infinity();
  if (heap_.size() < most_) return low;
  const double exact = heap_.front().total - sum + log_sum;
  const double margin = 1e-12 * (std::fabs(heap_.front().total) + std::fabs(sum) + std::fabs(log_sum));
  return std::nextafter(static_cast<float>(exact - margin), low);
}

void Candidates::add(size_t row, double sum, const float *scores, int64_t count, double log_sum) {
  float least = threshold(sum, log_sum);
  for (int64_t from = 0; from < count; from += 64) {
    const int64_t to = std::min<int64_t>(from + 64, count);
    if (to - from == 64 && !any_above(scores + from, least)) continue;
    for (int64_t i = from; i < to; ++i) {
      if (!(scores[i] > least)) continue;
      const double log_prob = double{scores[i]} - log_sum;
      offer({sum + log_prob, log_prob, row, i});
      least = threshold(sum, log_sum);
    }
  }
}

std::vector<Candidate> Candidates::take() {
  std::sort(heap_.begin(), heap_.end(), better);
  return std::exchange(heap_, {});
}

}  // namespace decode
