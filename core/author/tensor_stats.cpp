#include "author/tensor_stats.h"

#include <limits>

#include "value/half.h"

namespace mrun {
namespace {

template <class T, class Widen>
TensorStats measure(const Tensor &t, Widen widen) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  TensorStats s{infinite, -infinite, 0, 0};
  double sum = 0;
  const T *at = t.data<const T>();
  const int64_t n = t.numel();
  for (int64_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(widen(at[i]));
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

template <class T>
TensorStats measure(const Tensor &t) {
  return measure<T>(t, [](T x) { return x; });
}

}  // namespace

std::optional<TensorStats> tensor_stats(const Tensor &given) {
  const Tensor t = given.contiguous();
  const DLDataType type = t.dtype();
  if (type == dtype::float32) return measure<float>(t);
  if (type == dtype::float64) return measure<double>(t);
  if (type == dtype::float16) return measure<uint16_t>(t, from_half);
  if (type == dtype::bfloat16) return measure<uint16_t>(t, from_bfloat16);
  if (type == dtype::int64) return measure<int64_t>(t);
  if (type == dtype::int32) return measure<int32_t>(t);
  if (type == dtype::int16) return measure<int16_t>(t);
  if (type == dtype::int8) return measure<int8_t>(t);
  if (type == dtype::uint64) return measure<uint64_t>(t);
  if (type == dtype::uint32) return measure<uint32_t>(t);
  if (type == dtype::uint16) return measure<uint16_t>(t);
  if (type == dtype::uint8 || type == dtype::boolean) return measure<uint8_t>(t);
  return std::nullopt;
}

}  // namespace mrun
