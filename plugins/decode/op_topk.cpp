#include "nms.h"
#include "operations.h"

namespace decode {
namespace {

template <class T>
std::tuple<mrun::tensor, mrun::tensor> best(const mrun::call &c, const mrun::tensor &scores, int64_t k) {
  const T *values = scores.data<const T>();
  const std::vector<int64_t> positions = topk(values, scores.size(0), k);
  mrun::tensor chosen = mrun::tensor::empty(c, scores.dtype(), {static_cast<int64_t>(positions.size())});
  for (size_t i = 0; i < positions.size(); ++i) chosen.data<T>()[i] = values[positions[i]];
  return {std::move(chosen), positions_tensor(c, positions)};
}

std::tuple<mrun::tensor, mrun::tensor> topk_scores(const mrun::call &c, const mrun::tensor &given, int64_t k) {
  want_cpu(given, "decode.topk: scores");
  if (given.dim() != 1)
    mrun::refuse("decode.topk: scores: want one item's scores, 1-D, got " + mrun::shape_text(given) +
                 " (torch.topk takes any shape)");
  if (k < 0) mrun::refuse("decode.topk: k: must not be negative, got " + std::to_string(k));
  c.charge(given.size(0) * static_cast<int64_t>(sizeof(int64_t)));
  const mrun::tensor scores = given.contiguous(c);
  if (scores.is(mrun::float32)) return best<float>(c, scores, k);
  if (scores.is(mrun::float64)) return best<double>(c, scores, k);
  if (scores.is(mrun::int64)) return best<int64_t>(c, scores, k);
  mrun::refuse("decode.topk: scores: want float32, float64 or int64, got " + mrun::came_text(given));
}

}  // namespace

void add_topk(const mrun::registrar &r) {
  r.op<topk_scores>(
      "decode.topk@1(Tensor scores, int k) -> (Tensor values, Tensor positions)",
      "The k greatest scores and their positions.\n\nFalling; equal scores by position; NaN above every number; fewer "
      "than k where there are fewer. scores: 1-D, float32, float64 or int64. positions: int64, from 0.");
}

}  // namespace decode
