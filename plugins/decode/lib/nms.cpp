#include "nms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace decode {
namespace {

// NaN first, then falling.
template <class T>
bool better(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(b)) return false;
    return std::isnan(a) || a > b;
  } else {
    return a > b;
  }
}

// The candidates in the order in which they are looked at, one array a field, so that one box is compared with many at
// once.
template <class T>
struct Sorted {
  std::vector<int64_t> position;
  std::vector<T> x1, y1, x2, y2, area;
  std::vector<int64_t> classes;     // empty where all boxes compete
  std::vector<unsigned char> gone;  // dropped by a better box
};

template <class T>
Sorted<T> sort(const T *boxes, const double *scores, int64_t count, const NmsOptions &options) {
  Sorted<T> s;
  for (int64_t i = 0; i < count; ++i) {
    if (!options.score || scores[i] > *options.score) s.position.push_back(i);
  }
  std::stable_sort(s.position.begin(), s.position.end(),
                   [&](int64_t a, int64_t b) { return better(scores[a], scores[b]); });
  const size_t n = s.position.size();
  for (std::vector<T> *field : {&s.x1, &s.y1, &s.x2, &s.y2, &s.area}) field->resize(n);
  s.gone.resize(n);
  if (options.classes != nullptr) s.classes.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const T *box = boxes + 4 * s.position[i];
    s.x1[i] = box[0];
    s.y1[i] = box[1];
    s.x2[i] = box[2];
    s.y2[i] = box[3];
    s.area[i] = (box[2] - box[0]) * (box[3] - box[1]);
    if (options.classes != nullptr) s.classes[i] = options.classes[s.position[i]];
  }
  return s;
}

// Marks every later box that overlaps box i by more than iou. std::max and std::min in torchvision's argument order:
// for NaN the order counts. `same` says whether two boxes compete.
template <class T, class Same>
void suppress(Sorted<T> &s, size_t i, size_t from, size_t to, const NmsOptions &options, Same same) {
  const T *const x1 = s.x1.data(), *const y1 = s.y1.data(), *const x2 = s.x2.data(), *const y2 = s.y2.data();
  const T *const area = s.area.data();
  unsigned char *__restrict gone = s.gone.data();  // bytes alias everything else; the vectorizer must know better
  const T left = x1[i], top = y1[i], right = x2[i], bottom = y2[i], own = area[i];
  const double iou = options.iou;
  const bool by_smaller = options.by_smaller;
  for (size_t j = from; j < to; ++j) {
    const T width = std::max(T(0), std::min(right, x2[j]) - std::max(left, x1[j]));
    const T height = std::max(T(0), std::min(bottom, y2[j]) - std::max(top, y1[j]));
    const T overlap = width * height;
    const T whole = by_smaller ? std::min(own, area[j]) : own + area[j] - overlap;
    const T ratio = overlap / whole;
    gone[j] = static_cast<unsigned char>(gone[j] | ((static_cast<double>(ratio) > iou) & same(j)));
  }
}

template <class T>
void suppress(Sorted<T> &s, size_t i, size_t from, size_t to, const NmsOptions &options) {
  if (s.classes.empty()) {
    suppress(s, i, from, to, options, [](size_t) { return true; });
  } else {
    const int64_t *const classes = s.classes.data();
    suppress(s, i, from, to, options, [classes, own = classes[i]](size_t j) { return classes[j] == own; });
  }
}

}  // namespace

template <class T>
std::vector<int64_t> nms(const T *boxes, const double *scores, int64_t count, const NmsOptions &options) {
  constexpr size_t block = 1 << 16;  // boxes between two polls: well below a millisecond
  Sorted<T> s = sort(boxes, scores, count, options);
  const size_t n = s.position.size();
  std::vector<int64_t> kept;
  size_t since_poll = 0;
  for (size_t i = 0; i < n && static_cast<int64_t>(kept.size()) < options.max; ++i) {
    if (s.gone[i] != 0) continue;
    kept.push_back(s.position[i]);
    for (size_t from = i + 1; from < n; from += block) {
      const size_t to = std::min(from + block, n);
      suppress(s, i, from, to, options);
      since_poll += to - from;
      if (since_poll >= block && options.poll) {
        options.poll();
        since_poll = 0;
      }
    }
  }
  return kept;
}

template <class T>
std::vector<int64_t> topk(const T *values, int64_t count, int64_t k) {
  std::vector<int64_t> positions(static_cast<size_t>(count));
  std::iota(positions.begin(), positions.end(), 0);
  const auto end = positions.begin() + std::min(count, k);
  std::partial_sort(positions.begin(), end, positions.end(), [&](int64_t a, int64_t b) {
    if (better(values[a], values[b])) return true;
    return !better(values[b], values[a]) && a < b;
  });
  positions.erase(end, positions.end());
  return positions;
}

template std::vector<int64_t> nms(const float *, const double *, int64_t, const NmsOptions &);
template std::vector<int64_t> nms(const double *, const double *, int64_t, const NmsOptions &);
template std::vector<int64_t> topk(const float *, int64_t, int64_t);
template std::vector<int64_t> topk(const double *, int64_t, int64_t);
template std::vector<int64_t> topk(const int64_t *, int64_t, int64_t);

}  // namespace decode
