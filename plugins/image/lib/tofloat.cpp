#include "tofloat.h"

#include <array>
#include <cmath>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace image {
namespace {

struct Scale {
  float mean = 0, std = 1;
  bool active = false;
  float operator()(float x) const { return active ? (x - mean) / std : x; }
};

Scale scale_of(const Normalization &n, int channel) {
  if (n.mean.empty()) return {};
  auto at = [&](const std::vector<double> &v) { return float(v[v.size() == 1 ? 0 : size_t(channel)]); };
  return {at(n.mean), at(n.std), true};
}

// One result for each byte: equal to computing it, and faster.
using Table = std::array<float, 256>;
Table table_of(const Scale &scale) {
  Table t;
  for (size_t v = 0; v < t.size(); ++v) t[v] = scale(float(v) / 255.0f);
  return t;
}

// Four floats are stored at once: the stores are what limits this loop.
inline void store4(float *to, float a, float b, float c, float d) {
#if defined(__SSE2__)
  _mm_storeu_ps(to, _mm_setr_ps(a, b, c, d));
#else
  to[0] = a, to[1] = b, to[2] = c, to[3] = d;
#endif
}

template <int channels>
void spread(View in, const Table *tables, float *out) {
  const size_t plane = size_t(in.pixels());
  for (int y = 0; y < in.height; ++y) {
    const uint8_t *row = in.row(y);
    float *to = out + size_t(y) * size_t(in.width);
    int x = 0;
    for (; x + 4 <= in.width; x += 4, row += 4 * channels)
      for (int c = 0; c < channels; ++c) {
        const Table &t = tables[c];
        store4(to + size_t(c) * plane + size_t(x), t[row[c]], t[row[c + channels]], t[row[c + 2 * channels]],
               t[row[c + 3 * channels]]);
      }
    for (; x < in.width; ++x, row += channels)
      for (int c = 0; c < channels; ++c) to[size_t(c) * plane + size_t(x)] = tables[c][row[c]];
  }
}

void spread_any(View in, const Table *tables, float *out) {
  const size_t plane = size_t(in.pixels());
  for (int y = 0; y < in.height; ++y) {
    const uint8_t *row = in.row(y);
    float *to = out + size_t(y) * size_t(in.width);
    for (int x = 0; x < in.width; ++x)
      for (int c = 0; c < in.channels; ++c) to[size_t(c) * plane + size_t(x)] = tables[c][row[x * in.channels + c]];
  }
}

void spread_floats(View in, const Normalization &n, float *out) {
  const size_t plane = size_t(in.pixels());
  for (int c = 0; c < in.channels; ++c) {
    const Scale scale = scale_of(n, c);
    for (int y = 0; y < in.height; ++y) {
      const float *row = reinterpret_cast<const float *>(in.row(y)) + c;
      float *to = out + size_t(c) * plane + size_t(y) * size_t(in.width);
      for (int x = 0; x < in.width; ++x) to[x] = scale(row[x * in.channels]);
    }
  }
}

void check_numbers(const char *name, const std::vector<double> &v, int channels) {
  for (double x : v)
    if (!std::isfinite(x)) bad_argument(std::string(name) + " holds a number that is not finite");
  if (v.size() == 1 || v.size() == size_t(channels)) return;
  bad_argument(std::string(name) + " has " + std::to_string(v.size()) + " numbers; wanted " + std::to_string(channels) +
               ", one a channel, or 1");
}

}  // namespace

void check(const Normalization &n, int channels) {
  check_numbers("mean", n.mean, channels);
  check_numbers("std", n.std, channels);
  for (double s : n.std)
    if (float(s) == 0.0f) bad_argument("std has a zero; wanted numbers to divide by");
}

void to_float(View in, const Normalization &n, float *out) {
  if (in.type == Type::f32) return spread_floats(in, n, out);
  std::vector<Table> tables;
  for (int c = 0; c < in.channels; ++c) tables.push_back(table_of(scale_of(n, c)));
  switch (in.channels) {
    case 1: return spread<1>(in, tables.data(), out);
    case 3: return spread<3>(in, tables.data(), out);
    case 4: return spread<4>(in, tables.data(), out);
    default: return spread_any(in, tables.data(), out);
  }
}

}  // namespace image
