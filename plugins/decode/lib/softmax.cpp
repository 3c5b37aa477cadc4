#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace decode {
namespace {

// Sums run in 16 lanes whatever the processor's vectors hold, so that they are the same everywhere.
constexpr int64_t lanes = 16;
constexpr float lowest = -std::numeric_limits<float>::infinity();

#define DECODE_INLINE static inline __attribute__((always_inline))

typedef float Floats4 __attribute__((vector_size(16)));
typedef int32_t Ints4 __attribute__((vector_size(16)));
typedef double Doubles4 __attribute__((vector_size(32)));
typedef float Floats8 __attribute__((vector_size(32)));
typedef int32_t Ints8 __attribute__((vector_size(32)));
typedef double Doubles8 __attribute__((vector_size(64)));
typedef float Floats16 __attribute__((vector_size(64)));
typedef int32_t Ints16 __attribute__((vector_size(64)));
typedef double Doubles16 __attribute__((vector_size(128)));

template <class Floats, class Ints, class Doubles>
struct Lanes {
  static constexpr int64_t width = sizeof(Floats) / sizeof(float);
  static constexpr int64_t parts = lanes / width;

  // `width` scores from x on; those beyond n are `rest`.
  DECODE_INLINE void load(Floats &v, const float *x, int64_t n, float rest) {
    if (n >= width) {
      std::memcpy(&v, x, sizeof v);
    } else {
      for (int64_t i = 0; i < width; ++i) v[i] = i < n ? x[i] : rest;
    }
  }

  // The greatest of each lane so far, and of `lanes` scores from x on, of which there are n; nan: where one is.
  DECODE_INLINE void raise(Floats (&best)[parts], Ints &nan, const float *x, int64_t n) {
    for (int64_t p = 0; p < parts; ++p) {
      Floats v;
      load(v, x + p * width, n - p * width, lowest);
      nan |= v != v;
      best[p] = v > best[p] ? v : best[p];
    }
  }

  // Of all; NaN where there is one.
  DECODE_INLINE float greatest(const float *x, int64_t n) {
    Floats best[parts];
    Ints nan = {};
    for (Floats &b : best) b = Floats{} + lowest;
    const int64_t whole = n - n % lanes;
    for (int64_t i = 0; i < whole; i += lanes) raise(best, nan, x + i, lanes);
    if (whole < n) raise(best, nan, x + whole, n - whole);
    float result = lowest;
    for (int64_t i = 0; i < lanes; ++i) {
      if (nan[i % width] != 0) return std::numeric_limits<float>::quiet_NaN();
      result = std::max(result, best[i / width][i % width]);
    }
    return result;
  }

  // exp(x) for x <= 0: 2^n times a polynomial (Cephes' expf). What lies below -87 counts as exp(-87), 1e-38.
  DECODE_INLINE void exponential(Floats &x) {
    constexpr float least = -87.0F, per_octave = 1.44269504F, round = 12582912.0F;  // 1.5 * 2^23: rounds to an integer
    x = x > least ? x : Floats{} + least;
    const Floats shifted = x * per_octave + round;
    const Floats n = shifted - round;
    const Floats r = x - n * 0.693359375F - n * -2.12194440e-4F;
    Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    Ints bits, exponent;
    std::memcpy(&bits, &p, sizeof bits);
    std::memcpy(&exponent, &shifted, sizeof exponent);
    bits += exponent << 23;
    std::memcpy(&x, &bits, sizeof x);
  }

  // exp(x - most) of `lanes` scores from x on, of which there are n; those beyond count as `most`.
  DECODE_INLINE void add_exp(Floats (&total)[parts], const float *x, int64_t n, float most) {
    for (int64_t p = 0; p < parts; ++p) {
      Floats v;
      load(v, x + p * width, n - p * width, most);
      v -= most;
      exponential(v);
      total[p] += v;
    }
  }

  // Floats add up what a few scores give each lane, doubles the rest: beside one great score, many small ones are each
  // less than a float's last bit, and together count.
  DECODE_INLINE double sum_of_exp(const float *x, int64_t n, float most) {
    constexpr int64_t block = 8 * lanes;
    Doubles totals[parts] = {};
    for (int64_t from = 0; from < n; from += block) {
      Floats total[parts] = {};
      const int64_t to = std::min(from + block, n), whole = to - to % lanes;
      for (int64_t i = from; i < whole; i += lanes) add_exp(total, x + i, lanes, most);
      if (whole < to) add_exp(total, x + whole, to - whole, most);
      for (int64_t p = 0; p < parts; ++p) totals[p] += __builtin_convertvector(total[p], Doubles);
    }
    double sum = 0;
    for (int64_t i = 0; i < lanes; ++i) sum += totals[i / width][i % width];
    const int64_t filled = (lanes - n % lanes) % lanes;  // each counted as exp(0)
    return sum - static_cast<double>(filled);
  }

  DECODE_INLINE double log_sum(const float *x, int64_t n) {
    const float most = greatest(x, n);
    if (!std::isfinite(most)) return double{most};
    return double{most} + std::log(sum_of_exp(x, n, most));
  }
};

double plain(const float *x, int64_t n) { return Lanes<Floats4, Ints4, Doubles4>::log_sum(x, n); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) double with_avx2(const float *x, int64_t n) {
  return Lanes<Floats8, Ints8, Doubles8>::log_sum(x, n);
}
__attribute__((target("avx512f"))) double with_avx512(const float *x, int64_t n) {
  return Lanes<Floats16, Ints16, Doubles16>::log_sum(x, n);
}
double (*best())(const float *, int64_t) {
  if (__builtin_cpu_supports("avx512f")) return with_avx512;
  return __builtin_cpu_supports("avx2") ? with_avx2 : plain;
}
#else
double (*best())(const float *, int64_t) { return plain; }
#endif

}  // namespace

double log_sum_exp(const float *x, int64_t n) {
  static double (*const function)(const float *, int64_t) = best();
  return function(x, n);
}

}  // namespace decode
