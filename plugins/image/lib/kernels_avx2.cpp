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

AVX2_INLINE __m256i weight(const int16_t *pair) {
  int32_t two;
  std::memcpy(&two, pair, 4);
  return _mm256_set1_epi32(two);
}

AVX2_INLINE void accumulate(__m256i words, __m256i wh, __m256i wl, __m256i &high, __m256i &low) {
  high = _mm256_add_epi32(high, _mm256_madd_epi16(words, wh));
  low = _mm256_add_epi32(low, _mm256_madd_epi16(words, wl));
}

AVX2_INLINE __m128i load16(const uint8_t *p) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(p)); }

// Shuffles that bring two neighbouring taps of each channel side by side, as 16-bit numbers: pixels 0 and 1, or 2
// and 3.
template <int channels>
AVX2_INLINE __m256i tap_shuffle(int first) {
  alignas(16) int8_t s[16];
  for (int c = 0; c < 4; ++c) {
    const bool there = c < channels;
    s[c * 4] = int8_t(there ? first * channels + c : -1);
    s[c * 4 + 2] = int8_t(there ? (first + 1) * channels + c : -1);
    s[c * 4 + 1] = s[c * 4 + 3] = -1;
  }
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i *>(s)));
}

AVX2_INLINE void store4(uint8_t *out, int32_t value) { std::memcpy(out, &value, 4); }

// Four rows at once, which share the weights; a register holds one pixel of two rows, one a lane.
template <int channels>
AVX2 void horizontal_four(const FixedAxis &axis, const uint8_t *const *rows, int origin, uint8_t *const *out) {
  const __m256i shuffle01 = tap_shuffle<channels>(0), shuffle23 = tap_shuffle<channels>(2);
  const __m256i zero = _mm256_setzero_si256();
  const uint8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
  uint8_t *o0 = out[0], *o1 = out[1], *o2 = out[2], *o3 = out[3];
  const ptrdiff_t stride = ptrdiff_t{axis.groups} * 8;
  const int16_t *first = axis.pairs.data();
  const int *start = axis.start.data(), *size = axis.size.data();
  for (int i = 0; i < axis.count; ++i, first += stride) {
    ptrdiff_t at = ptrdiff_t(start[i] - origin) * channels;
    __m256i ha = zero, la = zero, hb = zero, lb = zero;
    const int16_t *pairs = first;
    for (int t = 0; t < size[i]; t += 4, pairs += 8, at += 4 * channels) {
      const __m256i h01 = weight(pairs), l01 = weight(pairs + 2), h23 = weight(pairs + 4), l23 = weight(pairs + 6);
      const __m256i a = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(r0 + at)), load16(r1 + at), 1);
      const __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(r2 + at)), load16(r3 + at), 1);
      accumulate(_mm256_shuffle_epi8(a, shuffle01), h01, l01, ha, la);
      accumulate(_mm256_shuffle_epi8(a, shuffle23), h23, l23, ha, la);
      accumulate(_mm256_shuffle_epi8(b, shuffle01), h01, l01, hb, lb);
      accumulate(_mm256_shuffle_epi8(b, shuffle23), h23, l23, hb, lb);
    }
    // Lanes: rows 0 and 2, rows 1 and 3.
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(combine(ha, la), combine(hb, lb)), zero);
    const __m128i lo = _mm256_castsi256_si128(bytes), hi = _mm256_extracti128_si256(bytes, 1);
    store4(o0 + i * channels, _mm_cvtsi128_si32(lo));
    store4(o1 + i * channels, _mm_cvtsi128_si32(hi));
    store4(o2 + i * channels, _mm_extract_epi32(lo, 1));
    store4(o3 + i * channels, _mm_extract_epi32(hi, 1));
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
      const __m256i taps = _mm256_cvtepu8_epi16(load16(in + g * 16));
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

// 32 bytes of one output row, from byte x of the source rows.
AVX2_INLINE void vertical_32(const int16_t *pairs, int size, const uint8_t *const *rows, int x, uint8_t *out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i h0 = zero, h1 = zero, h2 = zero, h3 = zero, l0 = zero, l1 = zero, l2 = zero, l3 = zero;
  for (int t = 0; t < size; t += 2, pairs += 4) {
    const __m256i wh = weight(pairs), wl = weight(pairs + 2);
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
