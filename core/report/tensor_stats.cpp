#include "report/tensor_stats.h"

#include <limits>

#include "value/dtype.h"

namespace mrun {
namespace {

template <class E>
TensorStats measure(const Tensor &t) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  TensorStats s{infinite, -infinite, 0, 0};
  double sum = 0;
  const char *at = t.data<const char>();
  const size_t item = item_size(t.dtype());
  const int64_t n = t.numel();
  for (int64_t i = 0; i < n; ++i, at += item) {
    const auto x = static_cast<double>(E::read(at));
    if (x != x) {
      ++s.nans;
      continue;
    }
    s.min = x < s.min ? x : s.min;
    s.max = x > s.max ? x : s.max;
    sum += x;
  }
  if (s.nans == n) s.min = s.max = std::numeric_limits<double>::quiet_NaN();
  s.mean = sum / static_cast<double>(n - s.nans);
  return s;
}

}  // namespace

std::optional<TensorStats> tensor_stats(const Tensor &given) {
  const Tensor t = given.contiguous();
  return visit(
      t.dtype(), [&]<class E>(E) { return std::optional(measure<E>(t)); },
      []() -> std::optional<TensorStats> { return std::nullopt; });
}

}  // namespace mrun
