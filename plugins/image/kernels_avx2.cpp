// The AVX2 kernels. A weight is split into high * 4096 + low, so that two 16-bit multiply-adds (two taps each) replace
// a 32-bit multiplication; all sums are modulo 2^32, so the order of the additions does not matter and the result
// equals the portable kernels'.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

namespace image {
namespace {

AVX2_INLINE __m256i combine(__m256i high, __m256i low) {
  const __m256i half = _mm256_set1_epi32(1 << (precision - 1));
  return _mm256_srai_epi32(_mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, 12), low), half), precision);
}

AVX2_INLINE __m256i load(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }

// One output pixel of 3 or 4 channels: both 128-bit lanes hold four 32-bit sums, to be added.
template <int channels>
AVX2_INLINE void pixel(const uint8_t *in, const int16_t *pairs, int groups, __m256i shuffle, __m256i &high,
                       __m256i &low) {
  high = low = _mm256_setzero_si256();
  for (int g = 0; g < groups; ++g) {
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i *>(in + g * 4 * channels));
    const __m256i taps = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), shuffle);
    high = _mm256_add_epi32(high, _mm256_madd_epi16(taps, load(pairs + g * 32)));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(taps, load(pairs + g * 32 + 16)));
  }
}

// Adds the lanes of two pixels and gives the eight results, as 32-bit numbers: a in the low lane, b in the high one.
AVX2_INLINE __m256i fold(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

AVX2_INLINE void store4(uint8_t *out, int32_t value) { std::memcpy(out, &value, 4); }

// Shuffles that bring two taps of a channel side by side, as 16-bit numbers.
template <int channels>
AVX2_INLINE __m256i tap_shuffle() {
  if constexpr (channels == 3)
    return _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8,
                            -1, 11, -1, -1, -1, -1, -1);
  else
    return _mm256_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1, 8, -1, 12, -1, 9, -1, 13, -1, 10,
                            -1, 14, -1, 11, -1, 15, -1);
}

template <int channels>
AVX2 void horizontal_four(const FixedAxis &axis, const uint8_t *const *rows, int origin, uint8_t *const *out) {
  const __m256i shuffle = tap_shuffle<channels>();
  const ptrdiff_t stride = ptrdiff_t{axis.groups} * 32;
  const int16_t *pairs = axis.pairs.data();
  for (int i = 0; i < axis.count; ++i, pairs += stride) {
    const ptrdiff_t at = ptrdiff_t(axis.start[size_t(i)] - origin) * channels;
    const int groups = (axis.size[size_t(i)] + 3) / 4;
    __m256i h0, l0, h1, l1, h2, l2, h3, l3;
    pixel<channels>(rows[0] + at, pairs, groups, shuffle, h0, l0);
    pixel<channels>(rows[1] + at, pairs, groups, shuffle, h1, l1);
    pixel<channels>(rows[2] + at, pairs, groups, shuffle, h2, l2);
    pixel<channels>(rows[3] + at, pairs, groups, shuffle, h3, l3);
    const __m256i a = combine(fold(h0, h1), fold(l0, l1)), b = combine(fold(h2, h3), fold(l2, l3));
    // Lanes: rows 0 and 2, rows 1 and 3.
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_setzero_si256());
    const __m128i lo = _mm256_castsi256_si128(bytes), hi = _mm256_extracti128_si256(bytes, 1);
    store4(out[0] + i * channels, _mm_cvtsi128_si32(lo));
    store4(out[1] + i * channels, _mm_cvtsi128_si32(hi));
    store4(out[2] + i * channels, _mm_extract_epi32(lo, 1));
    store4(out[3] + i * channels, _mm_extract_epi32(hi, 1));
  }
}

AVX2 void horizontal_grey(const FixedAxis &axis, const uint8_t *row, int origin, uint8_t *out) {
  const ptrdiff_t stride = ptrdiff_t{axis.groups} * 32;
  const int16_t *pairs = axis.pairs.data();
  for (int i = 0; i < axis.count; ++i, pairs += stride) {
    const uint8_t *in = row + (axis.start[size_t(i)] - origin);
    const int groups = (axis.size[size_t(i)] + 15) / 16;
    __m256i high = _mm256_setzero_si256(), low = high;
    for (int g = 0; g < groups; ++g) {
      const __m256i taps = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(in + g * 16)));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(taps, load(pairs + g * 32)));
      low = _mm256_add_epi32(low, _mm256_madd_epi16(taps, load(pairs + g * 32 + 16)));
    }
    const __m256i sums = _mm256_add_epi32(_mm256_slli_epi32(high, 12), low);
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    s = _mm_srai_epi32(_mm_add_epi32(s, _mm_set1_epi32(1 << (precision - 1))), precision);
    s = _mm_packus_epi16(_mm_packs_epi32(s, s), s);
    out[i] = uint8_t(_mm_cvtsi128_si32(s));
  }
}

void horizontal(const FixedAxis &axis, int channels, const uint8_t *const *rows, int lines, int origin,
                uint8_t *const *out) {
  if (channels == 1) {
    for (int l = 0; l < lines; ++l) horizontal_grey(axis, rows[l], origin, out[l]);
    return;
  }
  if (channels == 2) {
    portable_kernels().horizontal(axis, channels, rows, lines, origin, out);
    return;
  }
  // Fewer than four rows: the last one is computed more than once.
  const uint8_t *in[4];
  uint8_t *to[4];
  for (int l = 0; l < 4; ++l) {
    in[l] = rows[l < lines ? l : lines - 1];
    to[l] = out[l < lines ? l : lines - 1];
  }
  if (channels == 3)
    horizontal_four<3>(axis, in, origin, to);
  else
    horizontal_four<4>(axis, in, origin, to);
}

AVX2_INLINE void accumulate(__m256i words, __m256i wh, __m256i wl, __m256i &high, __m256i &low) {
  high = _mm256_add_epi32(high, _mm256_madd_epi16(words, wh));
  low = _mm256_add_epi32(low, _mm256_madd_epi16(words, wl));
}

// 32 bytes of one output row, from byte x of the source rows.
AVX2_INLINE void vertical_32(const int16_t *pairs, int size, const uint8_t *const *rows, int x, uint8_t *out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i h0 = zero, h1 = zero, h2 = zero, h3 = zero, l0 = zero, l1 = zero, l2 = zero, l3 = zero;
  for (int t = 0; t < size; t += 2, pairs += 4) {
    int32_t two[2];
    std::memcpy(two, pairs, 8);
    const __m256i wh = _mm256_set1_epi32(two[0]), wl = _mm256_set1_epi32(two[1]);
    const __m256i a = load(rows[t] + x), b = t + 1 < size ? load(rows[t + 1] + x) : zero;
    const __m256i lo = _mm256_unpacklo_epi8(a, b), hi = _mm256_unpackhi_epi8(a, b);
    accumulate(_mm256_unpacklo_epi8(lo, zero), wh, wl, h0, l0);
    accumulate(_mm256_unpackhi_epi8(lo, zero), wh, wl, h1, l1);
    accumulate(_mm256_unpacklo_epi8(hi, zero), wh, wl, h2, l2);
    accumulate(_mm256_unpackhi_epi8(hi, zero), wh, wl, h3, l3);
  }
  const __m256i lo = _mm256_packs_epi32(combine(h0, l0), combine(h1, l1));
  const __m256i hi = _mm256_packs_epi32(combine(h2, l2), combine(h3, l3));
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_packus_epi16(lo, hi));
}

AVX2 void vertical(const FixedAxis &axis, int output, const uint8_t *const *rows, int bytes, uint8_t *out) {
  const int16_t *pairs = axis.pairs.data() + size_t(output) * size_t(axis.groups) * 4;
  const int size = axis.size[size_t(output)];
  int x = 0;
  for (; x + 32 <= bytes; x += 32) vertical_32(pairs, size, rows, x, out + x);
  if (x == bytes) return;
  uint8_t rest[32];
  vertical_32(pairs, size, rows, x, rest);
  std::memcpy(out + x, rest, size_t(bytes - x));
}

}  // namespace

const Kernels *avx2_kernels() {
  static constexpr Kernels kernels{true, horizontal, vertical};
  return __builtin_cpu_supports("avx2") ? &kernels : nullptr;
}

}  // namespace image

#else
namespace image {
const Kernels *avx2_kernels() { return nullptr; }
}  // namespace image
#endif
