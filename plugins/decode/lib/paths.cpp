#include "paths.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>

namespace decode {

Path viterbi(const double *emissions, int64_t steps, int64_t states, const double *transitions, const double *start,
             const double *stop, const Poll &poll) {
  if (steps == 0) return {};
  const auto n = static_cast<size_t>(states), count = static_cast<size_t>(steps);
  std::vector<double> best(emissions, emissions + n), next(n);
  std::vector<int32_t> from(count * n, 0);
  for (size_t s = 0; start != nullptr && s < n; ++s) best[s] += start[s];
  for (size_t t = 1; t < count; ++t) {
    std::fill(next.begin(), next.end(), -std::numeric_limits<double>::infinity());
    for (size_t a = 0; a < n; ++a) {
      if (poll && a % 64 == 0) poll();
      for (size_t b = 0; b < n; ++b) {  // by rows of transitions, which lie behind each other; the lower `a` stays
        const double score = best[a] + transitions[a * n + b];
        if (score > next[b]) {
          next[b] = score;
          from[t * n + b] = static_cast<int32_t>(a);
        }
      }
    }
    for (size_t b = 0; b < n; ++b) best[b] = next[b] + emissions[t * n + b];
  }
  for (size_t s = 0; stop != nullptr && s < n; ++s) best[s] += stop[s];
  auto state = static_cast<size_t>(std::max_element(best.begin(), best.end()) - best.begin());
  Path path{std::vector<int64_t>(count), best[state]};
  for (size_t t = count; t-- > 0;) {
    path.states[t] = static_cast<int64_t>(state);
    state = static_cast<size_t>(from[t * n + state]);
  }
  return path;
}

Warp warp(const double *costs, int64_t rows, int64_t columns, const Poll &poll) {
  if (rows == 0 || columns == 0) return {};
  enum Move : uint8_t { both, down, right };
  constexpr double never = std::numeric_limits<double>::infinity();
  const auto m = static_cast<size_t>(columns), n = static_cast<size_t>(rows);
  std::vector<double> above(m + 1, never), here(m + 1, never);
  std::vector<uint8_t> moves(n * m);
  above[0] = 0;
  for (size_t i = 0; i < n; ++i) {
    if (poll) poll();
    here[0] = never;
    for (size_t j = 0; j < m; ++j) {
      const double diagonal = above[j], up = above[j + 1], left = here[j];
      const double least = std::min({diagonal, up, left});
      // Of equal ones the diagonal: the shorter path.
      moves[i * m + j] = diagonal == least ? both : up == least ? down : right;
      here[j + 1] = costs[i * m + j] + least;
    }
    std::swap(above, here);
  }
  Warp path;
  for (size_t i = n, j = m; i > 0 && j > 0;) {  // along the borders, whatever sums that overflow say
    path.rows.push_back(static_cast<int64_t>(i) - 1);
    path.columns.push_back(static_cast<int64_t>(j) - 1);
    const auto found = static_cast<Move>(moves[(i - 1) * m + j - 1]);
    const Move move = i == 1 ? right : j == 1 ? down : found;
    if (move != right) --i;
    if (move != down) --j;
  }
  std::reverse(path.rows.begin(), path.rows.end());
  std::reverse(path.columns.begin(), path.columns.end());
  return path;
}

Edits edit_distance(const std::vector<int64_t> &a, const std::vector<int64_t> &b, const Poll &poll) {
  const auto rank = [](const Edits &e) { return std::make_tuple(e.distance, e.insertions + e.deletions); };
  // Both ranks and the lengths fix all three counts: of equal ones it does not matter which stays.
  std::vector<Edits> above(b.size() + 1), here(b.size() + 1);
  for (size_t j = 0; j < above.size(); ++j) above[j].distance = above[j].insertions = static_cast<int64_t>(j);
  for (size_t i = 0; i < a.size(); ++i) {
    if (poll) poll();
    here[0] = {static_cast<int64_t>(i) + 1, 0, 0, static_cast<int64_t>(i) + 1};
    for (size_t j = 0; j < b.size(); ++j) {
      Edits replaced = above[j], deleted = above[j + 1], inserted = here[j];
      const int64_t differs = a[i] == b[j] ? 0 : 1;
      replaced.distance += differs;
      replaced.substitutions += differs;
      ++deleted.distance;
      ++deleted.deletions;
      ++inserted.distance;
      ++inserted.insertions;
      Edits &best = here[j + 1] = replaced;
      if (rank(deleted) < rank(best)) best = deleted;
      if (rank(inserted) < rank(best)) best = inserted;
    }
    std::swap(above, here);
  }
  return above.back();
}

}  // namespace decode
