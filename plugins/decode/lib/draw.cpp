#include "draw.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace decode {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

struct Weight {
  double weight;
  int64_t token;
};

bool heavier(const Weight &a, const Weight &b) {
  return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
}

double sum(const std::vector<Weight> &weights) {
  double total = 0;
  for (const Weight &w : weights) total += w.weight;
  return total;
}

std::vector<Weight> weights_of(const SearchOptions &o, const float *scores, int64_t count) {
  const float most = *std::max_element(scores, scores + count);
  std::vector<Weight> weights;
  weights.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    if (scores[i] != never) { weights.push_back({std::exp((double{scores[i]} - double{most}) / o.temperature), i}); }
  }
  return weights;
}

void keep_heaviest(std::vector<Weight> &weights, size_t most) {
  if (weights.size() <= most) return;
  std::nth_element(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(most), weights.end(), heavier);
  weights.resize(most);
}

// The fewest of the heaviest whose share reaches top_p. Sorts no more than it keeps, twice over.
void keep_share(std::vector<Weight> &weights, double top_p) {
  const double wanted = top_p * sum(weights);
  double got = 0;
  size_t kept = 0;
  for (size_t sorted = 0; kept < weights.size() && (kept == 0 || got < wanted);) {
    if (kept == sorted) {
      const size_t next = std::min(weights.size(), std::max<size_t>(64, sorted * 2));
      std::partial_sort(weights.begin() + static_cast<std::ptrdiff_t>(sorted),
                        weights.begin() + static_cast<std::ptrdiff_t>(next), weights.end(), heavier);
      sorted = next;
    }
    got += weights[kept++].weight;
  }
  weights.resize(kept);
}

void keep_above(std::vector<Weight> &weights, double min_p) {
  const double most = std::max_element(weights.begin(), weights.end(), [](const Weight &a, const Weight &b) {
                        return a.weight < b.weight;
                      })->weight;
  std::erase_if(weights, [&](const Weight &w) { return w.weight < min_p * most; });
}

uint64_t mix(uint64_t x) {  // SplitMix64's
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
  x = (x ^ x >> 27) * 0x94D049BB133111EBU;
  return x ^ x >> 31;
}

}  // namespace

double uniform_at(uint64_t seed, uint64_t row, uint64_t place) {
  constexpr uint64_t step = 0x9E3779B97F4A7C15U;
  const uint64_t bits = mix(mix(mix(seed + step) + (row + 1) * step) + (place + 1) * step);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

Candidate draw(const SearchOptions &o, const float *scores, int64_t count, double log_sum, double uniform) {
  std::vector<Weight> weights = weights_of(o, scores, count);
  if (weights.empty()) return {0, 0, 0, -1};
  if (o.top_k > 0) keep_heaviest(weights, static_cast<size_t>(o.top_k));
  if (o.top_p < 1) keep_share(weights, o.top_p);
  if (o.min_p > 0) keep_above(weights, o.min_p);
  double left = uniform * sum(weights);
  // The last one takes what rounding leaves over, so one is always picked.
  const auto picked = std::find_if(weights.begin(), weights.end() - 1, [&](const Weight &w) {
    left -= w.weight;
    return left < 0;
  });
  const double log_prob = double{scores[picked->token]} - log_sum;
  return {log_prob, log_prob, 0, picked->token};
}

}  // namespace decode
