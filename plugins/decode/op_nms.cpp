#include "nms.h"

#include <cmath>

#include "operations.h"
#include "options.h"

namespace decode {
namespace {

template <class T>
std::vector<T> one_a_box(const mrun::call &c, const mrun::tensor &t, int64_t count, const char *what) {
  if (t.dim() != 1 || t.size(0) != count)
    mrun::refuse(std::string(what) + ": want one for each box, [" + std::to_string(count) + "], got " +
                 mrun::shape_text(t));
  return mrun::numbers<T>(c, t, what);
}

std::vector<double> scores_of(const mrun::call &c, const mrun::tensor &scores, int64_t count) {
  if (!scores.is(mrun::float32) && !scores.is(mrun::float64))
    mrun::refuse("decode.nms: scores: want float32 or float64, got " + mrun::came_text(scores));
  return one_a_box<double>(c, scores, count, "decode.nms: scores");
}

std::vector<int64_t> classes_of(const mrun::call &c, const mrun::tensor &classes, int64_t count) {
  if (classes.dtype().code == kDLFloat || classes.dtype().code == kDLBfloat)
    mrun::refuse("decode.nms: classes: want integers, got " + mrun::came_text(classes));
  return one_a_box<int64_t>(c, classes, count, "decode.nms: classes");
}

mrun::tensor nms_boxes(const mrun::call &c, const mrun::tensor &given, const mrun::tensor &scores, double iou,
                       const std::optional<mrun::tensor> &classes, std::optional<double> score,
                       std::optional<int64_t> max, const std::string &overlap) {
  want_cpu(given, "decode.nms: boxes");
  if (given.dim() != 2 || given.size(1) != 4)
    mrun::refuse("decode.nms: boxes: want [n, 4] (x1, y1, x2, y2), got " + mrun::shape_text(given));
  if (!given.is(mrun::float32) && !given.is(mrun::float64))
    mrun::refuse("decode.nms: boxes: want float32 or float64, got " + mrun::came_text(given));
  if (std::isnan(iou)) mrun::refuse("decode.nms: iou: want a number, got NaN");
  if (iou > 1) mrun::refuse("decode.nms: iou: want a share, at most 1, got " + number_text(iou));
  if (overlap != "union" && overlap != "smaller")
    mrun::refuse("decode.nms: overlap: want union or smaller, got \"" + overlap + "\"");
  if (max && *max < 0) mrun::refuse("decode.nms: max: must not be negative, got " + std::to_string(*max));
  const int64_t count = given.size(0);
  constexpr int64_t bytes_a_box = 80;  // order and the sorted fields
  c.charge(count * bytes_a_box);
  const mrun::tensor boxes = given.contiguous(c);
  const std::vector<double> ranks = scores_of(c, scores, count);
  const std::vector<int64_t> groups = classes ? classes_of(c, *classes, count) : std::vector<int64_t>();
  NmsOptions options;
  options.iou = iou;
  options.by_smaller = overlap == "smaller";
  options.classes = classes ? groups.data() : nullptr;
  options.score = score;
  if (max) options.max = *max;
  options.poll = mrun::asking(c);
  return positions_tensor(c, given.is(mrun::float32) ? nms(boxes.data<const float>(), ranks.data(), count, options)
                                                     : nms(boxes.data<const double>(), ranks.data(), count, options));
}

}  // namespace

void add_nms(const mrun::registrar &r) {
  r.op<nms_boxes>(
      "decode.nms@1(Tensor boxes, Tensor scores, float iou, *, Tensor? classes=None, float? score=None, int? max=None, "
      "str overlap='union') -> Tensor",
      "Positions of the boxes that no better box overlaps by more than iou.\n\nboxes: [n, 4], x1, y1, x2, y2, float32 "
      "or float64; scores: [n]; classes: [n], integers, boxes of different classes do not compete; score: only boxes "
      "with a higher score; max: at most so many; overlap: the intersection's share of the union, or of the smaller "
      "box. Result: int64, by falling score, equal scores by position.");
}

}  // namespace decode
