// decode: from a model's scores to an answer. decode.lua is its Lua face, decode.md its page.
#include <mrun/plugin.hpp>

#include "nms.h"

extern const char mrun_lua_decode[];

namespace {

[[noreturn]] void wrong(const std::string &what) { throw mrun::error(MRUN_ARGUMENT, what); }

std::string shape_text(const mrun::tensor &t) {
  std::string text = "[";
  for (int32_t d = 0; d < t.dim(); ++d) text += (d > 0 ? ", " : "") + std::to_string(t.size(d));
  return text + "]";
}

void want_cpu(const mrun::tensor &t, const char *what) {
  if (!t.on_cpu()) wrong(std::string(what) + ": want a tensor on the CPU; move it with :cpu()");
}

void want_length(const mrun::tensor &t, int64_t count, const char *what) {
  if (t.dim() == 1 && t.size(0) == count) return;
  wrong(std::string(what) + ": want one for each box, [" + std::to_string(count) + "], got " + shape_text(t));
}

template <class To, class From>
std::vector<To> converted(const mrun::tensor &t) {
  const From *data = t.data<From>();
  return std::vector<To>(data, data + t.numel());
}

std::vector<double> scores_of(const mrun::call &c, const mrun::tensor &given, int64_t count) {
  want_cpu(given, "decode.nms: scores");
  want_length(given, count, "decode.nms: scores");
  const mrun::tensor scores = given.contiguous(c);
  if (scores.is(mrun::float32)) return converted<double, float>(scores);
  if (scores.is(mrun::float64)) return converted<double, double>(scores);
  wrong("decode.nms: scores: want float32 or float64");
}

std::vector<int64_t> classes_of(const mrun::call &c, const mrun::tensor &given, int64_t count) {
  want_cpu(given, "decode.nms: classes");
  want_length(given, count, "decode.nms: classes");
  const mrun::tensor classes = given.contiguous(c);
  if (classes.is(mrun::int64)) return converted<int64_t, int64_t>(classes);
  if (classes.is(mrun::int32)) return converted<int64_t, int32_t>(classes);
  if (classes.is(mrun::uint8)) return converted<int64_t, uint8_t>(classes);
  wrong("decode.nms: classes: want int64, int32 or uint8");
}

mrun::tensor positions_tensor(const mrun::call &c, const std::vector<int64_t> &positions) {
  mrun::tensor t = mrun::tensor::empty(c, mrun::int64, {static_cast<int64_t>(positions.size())});
  std::copy(positions.begin(), positions.end(), t.data<int64_t>());
  return t;
}

mrun::tensor nms(const mrun::call &c, const mrun::tensor &given, const mrun::tensor &scores, double iou,
                 const std::optional<mrun::tensor> &classes, std::optional<double> score, std::optional<int64_t> max) {
  want_cpu(given, "decode.nms: boxes");
  if (given.dim() != 2 || given.size(1) != 4) {
    wrong("decode.nms: boxes: want [n, 4] (x1, y1, x2, y2), got " + shape_text(given));
  }
  if (!given.is(mrun::float32) && !given.is(mrun::float64)) wrong("decode.nms: boxes: want float32 or float64");
  if (max && *max < 0) wrong("decode.nms: max: must not be negative, got " + std::to_string(*max));
  const int64_t count = given.size(0);
  constexpr int64_t bytes_a_box = 96;  // scores, classes, order and the sorted fields
  c.charge(count * bytes_a_box);
  const mrun::tensor boxes = given.contiguous(c);
  const std::vector<double> ranks = scores_of(c, scores, count);
  const std::vector<int64_t> groups = classes ? classes_of(c, *classes, count) : std::vector<int64_t>();
  decode::NmsOptions options;
  options.iou = iou;
  options.classes = classes ? groups.data() : nullptr;
  options.score = score;
  if (max) options.max = *max;
  options.poll = [&] { c.poll(); };
  return positions_tensor(c, given.is(mrun::float32)
                                 ? decode::nms(boxes.data<const float>(), ranks.data(), count, options)
                                 : decode::nms(boxes.data<const double>(), ranks.data(), count, options));
}

template <class T>
std::tuple<mrun::tensor, mrun::tensor> best(const mrun::call &c, const mrun::tensor &scores, int64_t k) {
  const T *values = scores.data<const T>();
  const std::vector<int64_t> positions = decode::topk(values, scores.size(0), k);
  mrun::tensor chosen = mrun::tensor::empty(c, scores.dtype(), {static_cast<int64_t>(positions.size())});
  for (size_t i = 0; i < positions.size(); ++i) chosen.data<T>()[i] = values[positions[i]];
  return {std::move(chosen), positions_tensor(c, positions)};
}

std::tuple<mrun::tensor, mrun::tensor> topk(const mrun::call &c, const mrun::tensor &given, int64_t k) {
  want_cpu(given, "decode.topk: scores");
  if (given.dim() != 1) {
    wrong("decode.topk: scores: want one item's scores, 1-D, got " + shape_text(given) +
          " (torch.topk takes any shape)");
  }
  if (k < 0) wrong("decode.topk: k: must not be negative, got " + std::to_string(k));
  c.charge(given.size(0) * static_cast<int64_t>(sizeof(int64_t)));
  const mrun::tensor scores = given.contiguous(c);
  if (scores.is(mrun::float32)) return best<float>(c, scores, k);
  if (scores.is(mrun::float64)) return best<double>(c, scores, k);
  if (scores.is(mrun::int64)) return best<int64_t>(c, scores, k);
  wrong("decode.topk: scores: want float32, float64 or int64");
}

}  // namespace

MRUN_PLUGIN("decode", "1.0.0", "From a model's scores to an answer.", mrun_lua_decode, "Apache-2.0") {
  op<topk>(
      "decode.topk@1(Tensor scores, int k) -> (Tensor values, Tensor positions)",
      "The k greatest scores and their positions.\n\nFalling; equal scores by position; NaN above every number; fewer "
      "than k where there are fewer. scores: 1-D, float32, float64 or int64. positions: int64, from 0.");
  op<nms>(
      "decode.nms@1(Tensor boxes, Tensor scores, float iou, *, Tensor? classes=None, float? score=None, int? max=None) "
      "-> Tensor",
      "Positions of the boxes that no better box overlaps by more than iou.\n\nboxes: [n, 4], x1, y1, x2, y2, float32 "
      "or "
      "float64; scores: [n]; classes: [n], integers, boxes of different classes do not compete; score: only boxes with "
      "a "
      "higher score; max: at most so many. Result: int64, by falling score, equal scores by position.");
}
