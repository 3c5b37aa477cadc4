#include "colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "opencv.h"
#include "rows.h"

namespace image {
namespace {

uint8_t clip(int v) { return uint8_t(std::clamp(v, 0, 255)); }

void hsv_of(const uint8_t *rgb, uint8_t *out) {
  const int high = std::max({rgb[0], rgb[1], rgb[2]}), low = std::min({rgb[0], rgb[1], rgb[2]});
  out[0] = out[1] = 0;
  out[2] = uint8_t(high);
  if (high == low) return;
  const float range = float(high - low);
  const float saturation = range / float(high);
  const float r = float(high - rgb[0]) / range, g = float(high - rgb[1]) / range, b = float(high - rgb[2]) / range;
  float hue;
  if (rgb[0] == high)
    hue = b - g;
  else if (rgb[1] == high)
    hue = float(2.0 + double(r) - double(b));
  else
    hue = float(4.0 + double(g) - double(r));
  hue = float(std::fmod(double(hue) / 6.0 + 1.0, 1.0));
  out[0] = clip(int(double(hue) * 255.0));
  out[1] = clip(int(double(saturation) * 255.0));
}

void rgb_of_hsv(const uint8_t *hsv, uint8_t *out) {
  const int v = hsv[2];
  if (hsv[1] == 0) {
    out[0] = out[1] = out[2] = uint8_t(v);
    return;
  }
  const double h = double(float(hsv[0])) * 6.0 / 255.0;
  const int sector = int(std::floor(h));
  const float fraction = float(h - double(float(sector))), s = float(double(float(hsv[1])) / 255.0);
  auto level = [&](double x) { return clip(int(std::round(double(float(v)) * x))); };
  const uint8_t p = level(1.0 - double(s)), q = level(1.0 - double(s * fraction)),
                t = level(1.0 - double(s) * (1.0 - double(fraction))), full = uint8_t(v);
  const std::array<std::array<uint8_t, 3>, 6> sectors{
      {{full, t, p}, {q, full, p}, {p, full, t}, {p, q, full}, {t, p, full}, {full, p, q}}};
  std::copy_n(sectors[size_t(sector % 6)].data(), 3, out);
}

// Fixed point with 6 bits; each product is rounded by itself, as in Pillow's tables.
constexpr int ycc_bits = 6;
using Products = std::array<int, 256>;
Products products(double factor, int offset) {
  Products p;
  for (int i = 0; i < 256; ++i) p[size_t(i)] = int(factor * (i - offset) * (1 << ycc_bits) + 0.5);
  return p;
}
struct YccTables {
  Products y_r = products(0.299, 0), y_g = products(0.587, 0), y_b = products(0.114, 0);
  Products cb_r = products(-0.16874, 0), cb_g = products(-0.33126, 0), cb_b = products(0.5, 0);
  Products cr_r = products(0.5, 0), cr_g = products(-0.41869, 0), cr_b = products(-0.08131, 0);
  Products r_cr = products(1.402, 128), g_cb = products(-0.34414, 128), g_cr = products(-0.71414, 128),
           b_cb = products(1.772, 128);
};
const YccTables &ycc() {
  static const YccTables tables;
  return tables;
}

void ycc_of(const uint8_t *rgb, uint8_t *out) {
  const YccTables &t = ycc();
  const uint8_t r = rgb[0], g = rgb[1], b = rgb[2];
  out[0] = uint8_t((t.y_r[r] + t.y_g[g] + t.y_b[b]) >> ycc_bits);
  out[1] = uint8_t(((t.cb_r[r] + t.cb_g[g] + t.cb_b[b]) >> ycc_bits) + 128);
  out[2] = uint8_t(((t.cr_r[r] + t.cr_g[g] + t.cr_b[b]) >> ycc_bits) + 128);
}

void rgb_of_ycc(const uint8_t *in, uint8_t *out) {
  const YccTables &t = ycc();
  const int y = in[0];
  const uint8_t cb = in[1], cr = in[2];
  out[0] = clip(y + (t.r_cr[cr] >> ycc_bits));
  out[1] = clip(y + ((t.g_cb[cb] + t.g_cr[cr]) >> ycc_bits));
  out[2] = clip(y + (t.b_cb[cb] >> ycc_bits));
}

template <class F>
void each_pixel(View in, Canvas out, F f) {
  for (int y = 0; y < in.height; ++y) {
    const uint8_t *from = in.row(y);
    uint8_t *to = out.row(y);
    for (int x = 0; x < in.width; ++x, from += in.channels, to += out.channels) f(from, to);
  }
}

void swap_ends(const uint8_t *in, uint8_t *out) {
  const uint8_t first = in[0];
  out[0] = in[2];
  out[1] = in[1];
  out[2] = first;
}

void lab(View in, Canvas out, int code) {
  cv::Mat to = as_mat(out);
  cv::cvtColor(as_mat(in), to, code);
}

void to_rgb(View in, Space from, Canvas out) {
  auto grey = [](const uint8_t *a, uint8_t *b) { b[0] = b[1] = b[2] = a[0]; };
  switch (from) {
    case Space::L:
    case Space::LA: return each_pixel(in, out, grey);
    case Space::RGB: return copy(in, out);
    case Space::RGBA: return each_pixel(in, out, [](const uint8_t *a, uint8_t *b) { std::copy_n(a, 3, b); });
    case Space::BGR: return each_pixel(in, out, swap_ends);
    case Space::HSV: return each_pixel(in, out, rgb_of_hsv);
    case Space::YCbCr: return each_pixel(in, out, rgb_of_ycc);
    case Space::LAB: return lab(in, out, cv::COLOR_Lab2RGB);
  }
}

void from_rgb(View in, Space to, Canvas out) {
  switch (to) {
    case Space::L: return each_pixel(in, out, [](const uint8_t *a, uint8_t *b) { *b = luma(a); });
    case Space::LA:
      return each_pixel(in, out, [](const uint8_t *a, uint8_t *b) {
        b[0] = luma(a);
        b[1] = 255;
      });
    case Space::RGB: return copy(in, out);
    case Space::RGBA:
      return each_pixel(in, out, [](const uint8_t *a, uint8_t *b) {
        std::copy_n(a, 3, b);
        b[3] = 255;
      });
    case Space::BGR: return each_pixel(in, out, swap_ends);
    case Space::HSV: return each_pixel(in, out, hsv_of);
    case Space::YCbCr: return each_pixel(in, out, ycc_of);
    case Space::LAB: return lab(in, out, cv::COLOR_RGB2Lab);
  }
}

}  // namespace

Space space_by_name(std::string_view name) {
  static constexpr std::pair<std::string_view, Space> names[] = {
      {"L", Space::L},     {"LA", Space::LA},   {"RGB", Space::RGB},     {"RGBA", Space::RGBA},
      {"BGR", Space::BGR}, {"HSV", Space::HSV}, {"YCbCr", Space::YCbCr}, {"LAB", Space::LAB}};
  for (const auto &[known, space] : names)
    if (name == known) return space;
  bad_argument("the colour space is \"" + shown(name) + "\"; wanted L, LA, RGB, RGBA, BGR, HSV, YCbCr or LAB");
}

int channels_of(Space s) {
  switch (s) {
    case Space::L: return 1;
    case Space::LA: return 2;
    case Space::RGBA: return 4;
    default: return 3;
  }
}

Space space_of_channels(int channels) {
  switch (channels) {
    case 1: return Space::L;
    case 2: return Space::LA;
    case 3: return Space::RGB;
    case 4: return Space::RGBA;
    default: bad_argument("the image has " + std::to_string(channels) + " channels; wanted 1 to 4");
  }
}

void convert(Context &context, View in, Space from, Space to, Canvas out) {
  // Grey keeps its values, which are luma, and alpha its own where both sides have one.
  const bool grey = from == Space::L || from == Space::LA, to_grey = to == Space::L || to == Space::LA;
  const bool keeps_alpha = (from == Space::LA || from == Space::RGBA) && (to == Space::LA || to == Space::RGBA);
  if (from == to) return copy(in, out);
  if ((grey || from == Space::YCbCr) && to_grey) {
    each_pixel(in, out, [](const uint8_t *a, uint8_t *b) { b[0] = a[0]; });
    if (to == Space::LA) each_pixel(in, out, [](const uint8_t *, uint8_t *b) { b[1] = 255; });
  } else if (grey && to == Space::YCbCr) {
    each_pixel(in, out, [](const uint8_t *a, uint8_t *b) {
      b[0] = a[0];
      b[1] = b[2] = 128;
    });
  } else if (from == Space::RGB) {
    from_rgb(in, to, out);
  } else if (to == Space::RGB) {
    to_rgb(in, from, out);
  } else {
    const Pixels rgb(context, Shape{in.height, in.width, 3, Type::u8});
    to_rgb(in, from, rgb.canvas);
    from_rgb(rgb.canvas, to, out);
  }
  if (keeps_alpha) {
    const int a = in.channels - 1, b = out.channels - 1;
    each_pixel(in, out, [&](const uint8_t *p, uint8_t *q) { q[b] = p[a]; });
  }
}

}  // namespace image
