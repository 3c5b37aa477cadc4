#include "nms.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "catch.h"

namespace {

using Positions = std::vector<int64_t>;

Positions kept(const std::vector<float> &boxes, const std::vector<double> &scores, decode::NmsOptions options = {}) {
  return decode::nms(boxes.data(), scores.data(), static_cast<int64_t>(scores.size()), options);
}

decode::NmsOptions iou(double threshold) {
  decode::NmsOptions options;
  options.iou = threshold;
  return options;
}

// The definition, box by box.
Positions by_definition(const std::vector<float> &boxes, const std::vector<double> &scores, double threshold,
                        const int64_t *classes) {
  Positions order(scores.size()), result;
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  const auto overlap = [&](int64_t i, int64_t j) {
    const float *a = &boxes[static_cast<size_t>(4 * i)], *b = &boxes[static_cast<size_t>(4 * j)];
    const float w = std::max(0.0f, std::min(a[2], b[2]) - std::max(a[0], b[0]));
    const float h = std::max(0.0f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const float both = w * h;
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
  };
  for (const int64_t j : order) {
    bool keep = true;
    for (const int64_t i : result) {
      if (classes != nullptr && classes[i] != classes[j]) continue;
      keep = keep && !(static_cast<double>(overlap(i, j)) > threshold);
    }
    if (keep) result.push_back(j);
  }
  return result;
}

}  // namespace

TEST_CASE("the better of two overlapping boxes stays") {
  const std::vector<float> boxes{0, 0, 10, 10, 1, 1, 10, 10, 20, 20, 30, 30};
  CHECK(kept(boxes, {0.5, 0.9, 0.7}) == Positions{1, 2});
  CHECK(kept(boxes, {0.5, 0.9, 0.7}, iou(0.82)) == Positions{1, 2, 0});  // they overlap by 81 / 100
  CHECK(kept(boxes, {0.5, 0.9, 0.7}, iou(0.8)) == Positions{1, 2});
  CHECK(kept({}, {}).empty());
}

TEST_CASE("an overlap equal to the threshold does not drop") {
  const std::vector<float> boxes{0, 0, 2, 1, 1, 0, 2, 1};  // half of the first
  CHECK(kept(boxes, {0.9, 0.8}, iou(0.5)) == Positions{0, 1});
  CHECK(kept(boxes, {0.9, 0.8}, iou(0.4999)) == Positions{0});
}

TEST_CASE("equal scores come by position") {
  const std::vector<float> boxes{0, 0, 1, 1, 5, 5, 6, 6, 0, 0, 1, 1, 9, 9, 10, 10};
  CHECK(kept(boxes, {0.5, 0.5, 0.5, 0.5}) == Positions{0, 1, 3});
}

TEST_CASE("score, max and classes") {
  const std::vector<float> boxes{0, 0, 1, 1, 0, 0, 1, 1, 5, 5, 6, 6, 7, 7, 8, 8};
  const std::vector<double> scores{0.9, 0.8, 0.3, 0.2};
  decode::NmsOptions options;
  options.score = 0.2;
  CHECK(kept(boxes, scores, options) == Positions{0, 2});
  options.max = 1;
  CHECK(kept(boxes, scores, options) == Positions{0});
  options.max = 0;
  CHECK(kept(boxes, scores, options).empty());
  decode::NmsOptions by_class;
  const int64_t classes[] = {1, 2, 1, 1};
  by_class.classes = classes;
  CHECK(kept(boxes, scores, by_class) == Positions{0, 1, 2, 3});
}

TEST_CASE("NaN ranks first as a score, and overlaps nothing as a coordinate") {
  const float nan = std::nanf("");
  const std::vector<float> boxes{0, 0, 1, 1, 0, 0, 1, 1, nan, 0, 1, 1};
  CHECK(kept(boxes, {0.9, std::nan(""), 0.8}) == Positions{1, 2});
  decode::NmsOptions options;
  options.score = 0.1;
  CHECK(kept(boxes, {0.9, std::nan(""), 0.8}, options) == Positions{0, 2});
}

TEST_CASE("many boxes: the same as the definition") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> place(0, 100), side(1, 40);
  for (const int n : {1, 2, 17, 300}) {
    for (const double threshold : {0.1, 0.5, 0.9}) {
      std::vector<float> boxes;
      std::vector<double> scores;
      std::vector<int64_t> classes;
      for (int i = 0; i < n; ++i) {
        const float x = place(random), y = place(random);
        boxes.insert(boxes.end(), {x, y, x + side(random), y + side(random)});
        scores.push_back(std::floor(place(random)) / 100);  // with ties
        classes.push_back(static_cast<int64_t>(random() % 3));
      }
      decode::NmsOptions options = iou(threshold);
      CHECK(kept(boxes, scores, options) == by_definition(boxes, scores, threshold, nullptr));
      options.classes = classes.data();
      CHECK(kept(boxes, scores, options) == by_definition(boxes, scores, threshold, classes.data()));
    }
  }
}

TEST_CASE("long work is polled and can be ended") {
  const int64_t n = 200000;
  std::vector<float> boxes(static_cast<size_t>(n) * 4, 0);
  const std::vector<double> scores(static_cast<size_t>(n), 1);
  decode::NmsOptions options;
  int polls = 0;
  options.poll = [&] {
    if (++polls == 10) throw 1;
  };
  CHECK_THROWS_AS(kept(boxes, scores, options), int);
}

TEST_CASE("the k best, falling, equal ones by position, NaN first") {
  const std::vector<float> x{0.1f, 0.7f, 0.7f, -1, 0.9f};
  CHECK(decode::topk(x.data(), 5, 3) == Positions{4, 1, 2});
  CHECK(decode::topk(x.data(), 5, 0).empty());
  CHECK(decode::topk(x.data(), 5, 9) == Positions{4, 1, 2, 0, 3});
  CHECK(decode::topk(x.data(), 0, 3).empty());
  const std::vector<double> y{1, std::nan(""), std::numeric_limits<double>::infinity(), std::nan("")};
  CHECK(decode::topk(y.data(), 4, 3) == Positions{1, 3, 2});
  const std::vector<int64_t> z{3, INT64_MAX, INT64_MAX - 1};
  CHECK(decode::topk(z.data(), 3, 2) == Positions{1, 2});
}
