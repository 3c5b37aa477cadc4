#include "bundle/tensor_diff.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"
#include "value/half.h"

namespace mrun {
namespace {

constexpr size_t block = 8192;  // elements; the sums of a block fit float, and both blocks the cache

struct Sums {
  bool equal = true;
  double max_abs = 0, abs = 0, squares = 0, reference = 0;
  int64_t not_comparable = 0;

  void add(const Sums &s) {
    equal = equal && s.equal;
    max_abs = std::max(max_abs, s.max_abs);
    abs += s.abs;
    squares += s.squares;
    reference += s.reference;
    not_comparable += s.not_comparable;
  }
};

// A register that every 64-bit machine has.
template <class T>
using Lanes __attribute__((vector_size(16))) = T;

template <class T>
double sum(Lanes<T> lanes) {
  double s = 0;
  for (size_t k = 0; k < sizeof(lanes) / sizeof(T); ++k) s += static_cast<double>(lanes[k]);
  return s;
}

template <class T>
double absolute_difference(T x, T y) {
  if constexpr (std::is_integral_v<T>) {  // neighbours of 64 bits can be one double
    return static_cast<double>(x > y ? static_cast<uint64_t>(x) - static_cast<uint64_t>(y)
                                     : static_cast<uint64_t>(y) - static_cast<uint64_t>(x));
  } else {
    return std::fabs(static_cast<double>(x) - static_cast<double>(y));
  }
}

// Elements one by one in double: numbers too large for the fast way, NaN and infinities.
template <class T>
Sums careful(const T *a, const T *b, size_t n) {
  Sums s;
  for (size_t i = 0; i < n; ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isfinite(x)) s.reference += x * x;
    if (a[i] == b[i] || (std::isnan(x) && std::isnan(y))) continue;
    const double d = absolute_difference(a[i], b[i]);
    if (!std::isfinite(d)) {
      ++s.not_comparable;
      continue;
    }
    s.max_abs = std::max(s.max_abs, d);
    s.abs += d;
    s.squares += d * d;
  }
  return s;
}

template <class T>
Sums fast(const T *a, const T *b, size_t n) {
  constexpr size_t width = sizeof(Lanes<T>) / sizeof(T);
  Lanes<T> largest{}, total{}, squares{}, reference{};
  const size_t whole = n / width * width;
  for (size_t i = 0; i < whole; i += width) {
    Lanes<T> x, y;
    std::memcpy(&x, a + i, sizeof(x));
    std::memcpy(&y, b + i, sizeof(y));
    Lanes<T> d = x - y;
    d = d < 0 ? -d : d;
    largest = d > largest ? d : largest;
    total += d;
    squares += d * d;
    reference += x * x;
  }
  Sums s;
  for (size_t k = 0; k < width; ++k) s.max_abs = std::max(s.max_abs, static_cast<double>(largest[k]));
  s.abs = sum<T>(total);
  s.squares = sum<T>(squares);
  s.reference = sum<T>(reference);
  s.add(careful(a + whole, b + whole, n - whole));
  return s;
}

template <class T>
Sums numbers(const T *a, const T *b, size_t n) {
  if constexpr (std::is_floating_point_v<T>) {
    const Sums s = fast(a, b, n);
    if (std::isfinite(s.abs) && std::isfinite(s.squares) && std::isfinite(s.reference)) return s;
  }
  return careful(a, b, n);
}

float widen_half(uint16_t bits) { return from_half(bits); }
float widen_bfloat16(uint16_t bits) { return from_bfloat16(bits); }

template <float (*widen)(uint16_t)>
Sums halves(const char *a, const char *b, size_t n) {
  std::vector<float> x(n), y(n);
  const auto convert = [n](const char *from, std::vector<float> &to) {
    for (size_t i = 0; i < n; ++i) {
      uint16_t bits;
      std::memcpy(&bits, from + 2 * i, 2);
      to[i] = widen(bits);
    }
  };
  convert(a, x);
  convert(b, y);
  return numbers(x.data(), y.data(), n);
}

template <class T>
Sums typed(const char *a, const char *b, size_t n) {
  return numbers(reinterpret_cast<const T *>(a), reinterpret_cast<const T *>(b), n);
}

// Nothing but whether they are equal.
Sums opaque(const char *, const char *, size_t) { return {}; }

using Measure = Sums (*)(const char *, const char *, size_t);

Measure measure_of(DLDataType t) {
  if (t == dtype::float32) return typed<float>;
  if (t == dtype::float64) return typed<double>;
  if (t == dtype::float16) return halves<widen_half>;
  if (t == dtype::bfloat16) return halves<widen_bfloat16>;
  if (t == dtype::int64) return typed<int64_t>;
  if (t == dtype::int32) return typed<int32_t>;
  if (t == dtype::int16) return typed<int16_t>;
  if (t == dtype::int8) return typed<int8_t>;
  if (t == dtype::uint64) return typed<uint64_t>;
  if (t == dtype::uint32) return typed<uint32_t>;
  if (t == dtype::uint16) return typed<uint16_t>;
  if (t == dtype::uint8 || t == dtype::boolean) return typed<uint8_t>;
  return opaque;
}

}  // namespace

TensorDistance tensor_distance(const Tensor &left, const Tensor &right) {
  if (!(left.dtype() == right.dtype()) || left.shape() != right.shape()) {
    fail(MRUN_INTERNAL, "two tensors of one dtype and shape are wanted");
  }
  const Tensor a = left.contiguous(), b = right.contiguous();
  const size_t item = item_size(a.dtype()), n = static_cast<size_t>(a.numel());
  const Measure sums_of = measure_of(a.dtype());
  const char *x = a.data<const char>(), *y = b.data<const char>();

  Sums all;
  for (size_t i = 0; i < n; i += block) {
    const size_t count = std::min(block, n - i);
    Sums sums = sums_of(x + i * item, y + i * item, count);
    sums.equal = std::memcmp(x + i * item, y + i * item, count * item) == 0;
    all.add(sums);
  }
  TensorDistance d;
  d.equal = all.equal;
  d.max_abs = all.max_abs;
  d.mean_abs = n == 0 ? 0 : all.abs / static_cast<double>(n);
  d.relative_norm = all.squares == 0     ? 0
                    : all.reference == 0 ? std::numeric_limits<double>::infinity()
                                         : std::sqrt(all.squares / all.reference);
  d.not_comparable = all.not_comparable;
  return d;
}

}  // namespace mrun
