#include "bundle/tensor_diff.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"
#include "value/dtype.h"

namespace mrun {
namespace {

constexpr size_t block_elements = 8192;  // elements; the sums of a block fit float, and both blocks the cache

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

template <class E>
std::vector<typename E::Number> widened(const char *at, size_t n, size_t item) {
  std::vector<typename E::Number> numbers(n);
  for (size_t i = 0; i < n; ++i) numbers[i] = E::read(at + i * item);
  return numbers;
}

// What lies in memory as the number that it is, is measured where it lies.
template <class T>
Sums measured(Plain<T>, const char *a, const char *b, size_t n) {
  return numbers(reinterpret_cast<const T *>(a), reinterpret_cast<const T *>(b), n);
}
Sums measured(Boolean, const char *a, const char *b, size_t n) { return measured(Plain<uint8_t>{}, a, b, n); }
template <class E>
Sums measured(E, const char *a, const char *b, size_t n) {
  const auto x = widened<E>(a, n, sizeof(uint16_t)), y = widened<E>(b, n, sizeof(uint16_t));
  return numbers(x.data(), y.data(), n);
}

// For others there is nothing but whether they are equal.
Sums sums_of(DLDataType type, const char *a, const char *b, size_t n) {
  return visit(
      type, [&](auto element) { return measured(element, a, b, n); }, [] { return Sums{}; });
}

}  // namespace

TensorDistance tensor_distance(const Tensor &left, const Tensor &right) {
  if (!(left.dtype() == right.dtype()) || left.shape() != right.shape()) {
    fail(MRUN_INTERNAL, "two tensors of one dtype and shape are wanted");
  }
  const Tensor a = left.contiguous(), b = right.contiguous();
  const size_t item = item_size(a.dtype()), n = static_cast<size_t>(a.numel());
  const char *x = a.data<const char>(), *y = b.data<const char>();

  Sums all;
  for (size_t i = 0; i < n; i += block_elements) {
    const size_t count = std::min(block_elements, n - i);
    Sums sums = sums_of(a.dtype(), x + i * item, y + i * item, count);
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
