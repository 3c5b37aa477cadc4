// Elements by dtype: the one place that ties DLPack's element types to C++'s.
#pragma once
#include <cmath>
#include <cstring>
#include <limits>

#include "value/half.h"
#include "value/tensor.h"

namespace mrun {

// What visit hands over. `Number` is what an element is computed with; read and write take any address, as elements of
// a file may lie unaligned.
template <class T>
struct Plain {
  using Number = T;
  static T read(const void *at) {
    T x;
    std::memcpy(&x, at, sizeof x);
    return x;
  }
  static void write(void *at, T x) { std::memcpy(at, &x, sizeof x); }
};
struct Boolean {
  using Number = bool;
  static bool read(const void *at) { return Plain<uint8_t>::read(at) != 0; }
  static void write(void *at, bool x) { Plain<uint8_t>::write(at, x ? 1 : 0); }
};
template <float (*widen)(uint16_t), uint16_t (*narrow)(float)>
struct Short {
  using Number = float;
  static float read(const void *at) { return widen(Plain<uint16_t>::read(at)); }
  static void write(void *at, float x) { Plain<uint16_t>::write(at, narrow(x)); }
};
using Half = Short<from_half, to_half>;
using Bfloat16 = Short<from_bfloat16, to_bfloat16>;

// f(Plain<float>{}), f(Boolean{}), f(Half{}) … for the dtype (the commonest are asked for first); otherwise() for those whose elements are no real numbers
// or too rare to compute with: complex, 8-bit floats, vectors. All give the same type.
template <class F, class Otherwise>
auto visit(DLDataType type, F &&f, Otherwise &&otherwise) -> decltype(otherwise()) {
  if (type == dtype::float32) return f(Plain<float>{});
  if (type == dtype::uint8) return f(Plain<uint8_t>{});
  if (type == dtype::int64) return f(Plain<int64_t>{});
  if (type == dtype::float64) return f(Plain<double>{});
  if (type == dtype::boolean) return f(Boolean{});
  if (type == dtype::int32) return f(Plain<int32_t>{});
  if (type == dtype::float16) return f(Half{});
  if (type == dtype::bfloat16) return f(Bfloat16{});
  if (type == dtype::int16) return f(Plain<int16_t>{});
  if (type == dtype::int8) return f(Plain<int8_t>{});
  if (type == dtype::uint16) return f(Plain<uint16_t>{});
  if (type == dtype::uint32) return f(Plain<uint32_t>{});
  if (type == dtype::uint64) return f(Plain<uint64_t>{});
  return otherwise();
}

inline bool is_floating(DLDataType type) { return type.code == kDLFloat || type.code == kDLBfloat; }

// Writes `x` as an element of `type`, floating-point ones rounded to nearest. False, and nothing written, where an
// integer type does not hold it, a boolean is neither 0 nor 1, or visit does not know the type.
inline bool put_number(DLDataType type, double x, void *at) {
  return visit(
      type,
      [&]<class E>(E) {
        using T = typename E::Number;
        if constexpr (!std::is_floating_point_v<T>) {
          constexpr double end = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);  // exact: 2^n
          const bool fits = x == std::floor(x) && x < end && x >= static_cast<double>(std::numeric_limits<T>::min());
          if (!fits) return false;
        }
        E::write(at, static_cast<T>(x));
        return true;
      },
      [] { return false; });
}

}  // namespace mrun
