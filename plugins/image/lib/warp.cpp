#include "warp.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "alpha.h"

namespace image {
namespace {

// Positions far outside stay outside when they become integers.
int whole(double v) { return int(std::clamp(v, -2e9, 2e9)); }
int truncate(double v) { return v < 0.0 || !(v == v) ? -1 : whole(v); }
int floor_of(double v) { return v < 0.0 ? whole(std::floor(v)) : whole(v); }

template <class T>
struct Sampler {
  View in;

  // Differences of float pixels are rounded to float before they are weighted in double; those of bytes are exact.
  using Sum = std::conditional_t<sizeof(T) == 1, int, float>;
  Sum value(const uint8_t *row, int x, int c) const {
    return Sum(reinterpret_cast<const T *>(row)[ptrdiff_t(x) * in.channels + c]);
  }
  int clamp_x(int x) const { return std::clamp(x, 0, in.width - 1); }
  bool has_row(int y) const { return y >= 0 && y < in.height; }
  static void store(T *out, double v, bool clip) {
    if constexpr (sizeof(T) == 1)
      *out = clip ? (v <= 0.0 ? 0 : v >= 255.0 ? 255 : T(v)) : T(v);
    else
      *out = T(v);
  }

  void bilinear(double x, double y, T *out) const {
    x -= 0.5;
    y -= 0.5;
    const int left = floor_of(x), top = floor_of(y);
    const double dx = x - left, dy = y - top;
    const int x0 = clamp_x(left), x1 = clamp_x(left + 1);
    const uint8_t *first = in.row(std::clamp(top, 0, in.height - 1));
    for (int c = 0; c < in.channels; ++c) {
      auto mix = [&](const uint8_t *row) {
        const Sum a = value(row, x0, c), b = value(row, x1, c);
        return double(a) + double(b - a) * dx;
      };
      const double a = mix(first), b = has_row(top + 1) ? mix(in.row(top + 1)) : a;
      store(out + c, a + (b - a) * dy, false);
    }
  }

  template <class V>
  static double cubic(V v1, V v2, V v3, V v4, double d) {
    const double p1 = double(v2), p2 = double(-v1 + v3), p3 = double(2 * (v1 - v2) + v3 - v4),
                 p4 = double(-v1 + v2 - v3 + v4);
    return p1 + d * (p2 + d * (p3 + d * p4));
  }

  void bicubic(double x, double y, T *out) const {
    x -= 0.5;
    y -= 0.5;
    const int left = floor_of(x), top = floor_of(y);
    const double dx = x - left, dy = y - top;
    const int xs[4] = {clamp_x(left - 1), clamp_x(left), clamp_x(left + 1), clamp_x(left + 2)};
    for (int c = 0; c < in.channels; ++c) {
      double rows[4];
      for (int i = 0; i < 4; ++i) {
        const int at = top - 1 + i;
        if (i > 0 && !has_row(at)) {
          rows[i] = rows[i - 1];
          continue;
        }
        const uint8_t *row = in.row(std::clamp(at, 0, in.height - 1));
        rows[i] = cubic(value(row, xs[0], c), value(row, xs[1], c), value(row, xs[2], c), value(row, xs[3], c), dx);
      }
      store(out + c, cubic(rows[0], rows[1], rows[2], rows[3], dy), true);
    }
  }
};

template <class T>
void sample(Context &context, View in, const Warp &w, bool cubic, Canvas out) {
  const Sampler<T> sampler{in};
  const auto &m = w.m;
  for (int y = 0; y < out.height; ++y) {
    if (y % 16 == 0) context.poll();
    T *to = reinterpret_cast<T *>(out.row(y));
    for (int x = 0; x < out.width; ++x, to += in.channels) {
      const double px = x + 0.5, py = y + 0.5;
      double sx = m[0] * px + m[1] * py + m[2], sy = m[3] * px + m[4] * py + m[5];
      if (w.perspective) {
        const double depth = m[6] * px + m[7] * py + 1;
        sx /= depth;
        sy /= depth;
      }
      if (!(sx >= 0.0 && sx < in.width && sy >= 0.0 && sy < in.height)) continue;
      cubic ? sampler.bicubic(sx, sy, to) : sampler.bilinear(sx, sy, to);
    }
  }
}

// Nearest pixels; position(y, x) gives them.
template <class Position>
void pick(View in, Canvas out, Position position) {
  const size_t size = size_t(in.channels * size_of(in.type));
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const auto [sy, sx] = position(y, x);
      if (sx >= 0 && sx < in.width && sy >= 0 && sy < in.height) std::memcpy(out.pixel(y, x), in.pixel(sy, sx), size);
    }
}

struct At {
  int y, x;
};

// Pillow steps through an affine map in 16.16 fixed point where that can hold it, else in double by additions: the
// roundings differ from those of a multiplication.
void nearest_affine(View in, const std::array<double, 8> &a, Canvas out) {
  if (a[1] == 0 && a[3] == 0) {
    std::vector<int> xs, ys;
    double position = a[2] + a[0] * 0.5;
    for (int x = 0; x < out.width; ++x, position += a[0]) xs.push_back(truncate(position));
    position = a[5] + a[4] * 0.5;
    for (int y = 0; y < out.height; ++y, position += a[4]) ys.push_back(truncate(position));
    return pick(in, out, [&](int y, int x) { return At{ys[size_t(y)], xs[size_t(x)]}; });
  }
  auto fits = [&](int x, int y) {
    return std::fabs(x * a[0] + y * a[1] + a[2]) < 32768.0 && std::fabs(x * a[3] + y * a[4] + a[5]) < 32768.0;
  };
  if (fits(0, 0) && fits(out.width, out.height) && fits(0, out.height) && fits(out.width, 0)) {
    auto fixed = [](double v) { return int64_t(floor_of(v * 65536.0 + 0.5)); };
    const int64_t a0 = fixed(a[0]), a1 = fixed(a[1]), a3 = fixed(a[3]), a4 = fixed(a[4]);
    const int64_t a2 = fixed(a[2] + a[0] * 0.5 + a[1] * 0.5), a5 = fixed(a[5] + a[3] * 0.5 + a[4] * 0.5);
    auto at = [&](int y, int x) { return At{int((a5 + y * a4 + x * a3) >> 16), int((a2 + y * a1 + x * a0) >> 16)}; };
    return pick(in, out, at);
  }
  double row_x = a[2] + a[1] * 0.5 + a[0] * 0.5, row_y = a[5] + a[4] * 0.5 + a[3] * 0.5, sx = 0, sy = 0;
  pick(in, out, [&](int y, int x) {
    if (x == 0) {
      if (y > 0) {
        row_x += a[1];
        row_y += a[4];
      }
      sx = row_x;
      sy = row_y;
    } else {
      sx += a[0];
      sy += a[3];
    }
    return At{truncate(sy), truncate(sx)};
  });
}

void nearest_perspective(View in, const std::array<double, 8> &m, Canvas out) {
  pick(in, out, [&](int y, int x) {
    const double px = x + 0.5, py = y + 0.5, depth = m[6] * px + m[7] * py + 1;
    return At{truncate((m[3] * px + m[4] * py + m[5]) / depth), truncate((m[0] * px + m[1] * py + m[2]) / depth)};
  });
}

// Python's round(v, 15): through decimal digits.
double round_15(double v) {
  char digits[64];
  const char *end = std::to_chars(digits, digits + sizeof digits, v, std::chars_format::fixed, 15).ptr;
  std::from_chars(digits, end, v);
  return v;
}

}  // namespace

void warp(Context &context, View in, const Warp &w, Filter filter, const Colour &colour, Canvas out) {
  fill(out, colour);
  if (filter == Filter::nearest)
    return w.perspective ? nearest_perspective(in, w.m, out) : nearest_affine(in, w.m, out);
  if (filter != Filter::bilinear && filter != Filter::bicubic)
    bad_argument("filter of a warp; wanted nearest, bilinear or bicubic");
  const bool cubic = filter == Filter::bicubic;
  if (in.type == Type::f32) return sample<float>(context, in, w, cubic, out);
  const bool alpha = in.channels == 2 || in.channels == 4;
  if (!alpha) return sample<uint8_t>(context, in, w, cubic, out);
  const Pixels premultiplied(context, in);
  for (int y = 0; y < in.height; ++y) premultiply(in.row(y), premultiplied.canvas.row(y), in.width, in.channels);
  // The fill colour is taken as premultiplied, as in Pillow.
  sample<uint8_t>(context, premultiplied.canvas, w, cubic, out);
  for (int y = 0; y < out.height; ++y) unpremultiply(out.row(y), out.width, out.channels);
}

Rotation rotation(int height, int width, double degrees, bool expand, std::optional<std::array<double, 2>> centre) {
  if (!std::isfinite(degrees)) bad_argument("degrees is not a finite number");
  degrees = std::fmod(degrees, 360.0);
  if (degrees < 0) degrees += 360.0;
  Rotation r;
  r.height = height;
  r.width = width;
  if (!centre) {
    if (degrees == 0) r.quarter = 0;
    if (degrees == 180) r.quarter = 2;
    if ((degrees == 90 || degrees == 270) && (expand || height == width)) r.quarter = degrees == 90 ? 1 : 3;
    if (r.quarter % 2 == 1) std::swap(r.height, r.width);
    if (r.quarter >= 0) return r;
  }
  const double cx = centre ? (*centre)[0] : width / 2.0, cy = centre ? (*centre)[1] : height / 2.0;
  const double angle = -(degrees * (M_PI / 180.0));
  double m[6] = {round_15(std::cos(angle)),  round_15(std::sin(angle)), 0.0,
                 round_15(-std::sin(angle)), round_15(std::cos(angle)), 0.0};
  auto x_of = [&](double x, double y) { return m[0] * x + m[1] * y + m[2]; };
  auto y_of = [&](double x, double y) { return m[3] * x + m[4] * y + m[5]; };
  const double tx = x_of(-cx, -cy), ty = y_of(-cx, -cy);
  m[2] = tx + cx;
  m[5] = ty + cy;
  if (expand) {
    const double w = width, h = height;
    const double xs[4] = {x_of(0, 0), x_of(w, 0), x_of(w, h), x_of(0, h)};
    const double ys[4] = {y_of(0, 0), y_of(w, 0), y_of(w, h), y_of(0, h)};
    const double new_width = std::ceil(*std::max_element(xs, xs + 4)) - std::floor(*std::min_element(xs, xs + 4));
    const double new_height = std::ceil(*std::max_element(ys, ys + 4)) - std::floor(*std::min_element(ys, ys + 4));
    check_size("the result", int64_t(new_height), int64_t(new_width), Error::Code::argument);
    const double dx = -(new_width - w) / 2.0, dy = -(new_height - h) / 2.0;
    const double sx = x_of(dx, dy), sy = y_of(dx, dy);
    m[2] = sx;
    m[5] = sy;
    r.width = int(new_width);
    r.height = int(new_height);
  }
  std::copy_n(m, 6, r.matrix.m.begin());
  return r;
}

void rotate(Context &context, View in, const Rotation &r, Filter filter, const Colour &colour, Canvas out) {
  // Quarter turns by their EXIF numbers.
  static constexpr int orientations[] = {1, 8, 3, 6};
  if (r.quarter >= 0) return orient(in, orientations[r.quarter], out);
  warp(context, in, r.matrix, filter, colour, out);
}

}  // namespace image
