#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "catch.h"

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> random_scores(size_t n, float scale, std::mt19937 &random) {
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> scores(n);
  for (float &s : scores) s = normal(random);
  return scores;
}

double reference(const std::vector<float> &scores) {
  long double most = -infinity, sum = 0;
  for (const float s : scores) most = std::max<long double>(most, s);
  for (const float s : scores) sum += std::exp(s - most);
  return static_cast<double>(most + std::log(sum));
}

double log_sum_exp(const std::vector<float> &scores) {
  return decode::log_sum_exp(scores.data(), static_cast<int64_t>(scores.size()));
}

}  // namespace

TEST_CASE("log_sum_exp of any number of scores, whole vectors and rests, is that of long doubles") {
  std::mt19937 random(1);
  for (size_t n = 1; n <= 300; ++n) {
    for (const float scale : {0.01F, 1.0F, 30.0F}) {
      std::vector<float> scores = random_scores(n, scale, random);
      CHECK(std::abs(log_sum_exp(scores) - reference(scores)) < 1e-5);
      scores[random() % n] = -infinity;
      if (n > 1) CHECK(std::abs(log_sum_exp(scores) - reference(scores)) < 1e-5);
    }
  }
}

TEST_CASE("log_sum_exp finds what is no number wherever it stands") {
  std::mt19937 random(2);
  for (const size_t n : {1, 7, 16, 17, 40}) {
    for (size_t at = 0; at < n; ++at) {
      std::vector<float> scores = random_scores(n, 1, random);
      scores[at] = std::numeric_limits<float>::quiet_NaN();
      CHECK(std::isnan(log_sum_exp(scores)));
      scores[at] = infinity;
      CHECK(log_sum_exp(scores) == infinity);
    }
    CHECK(log_sum_exp(std::vector<float>(n, -infinity)) == -infinity);
  }
}
