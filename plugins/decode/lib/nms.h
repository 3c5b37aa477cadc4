// Non-maximum suppression and the best of many scores: plain C++ over plain memory.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "polling.h"

namespace decode {

struct NmsOptions {
  double iou = 0.5;                                   // a box that overlaps a better one by more than this is dropped
  const int64_t *classes = nullptr;                   // one a box: boxes of different classes do not compete
  std::optional<double> score;                        // boxes without a higher score are dropped first
  int64_t max = std::numeric_limits<int64_t>::max();  // at most so many are kept
  bool by_smaller = false;  // overlap is intersection over the smaller area, not over the union
  Poll poll;                // may be empty
};

// Positions of the kept ones among `count` boxes [count, 4] (x1, y1, x2, y2; row-major), by falling score, equal scores
// by position. The arithmetic is torchvision.ops.nms's: areas, overlap and their quotient in T, compared in double; a
// NaN score ranks above every number, a box with a NaN or infinite area neither drops others nor is dropped.
template <class T>
std::vector<int64_t> nms(const T *boxes, const double *scores, int64_t count, const NmsOptions &);

// Positions of the k greatest of `count` values, falling; equal ones by position, NaN above every number (torch.topk's
// rule). Fewer than k where there are fewer.
template <class T>
std::vector<int64_t> topk(const T *values, int64_t count, int64_t k);

}  // namespace decode
