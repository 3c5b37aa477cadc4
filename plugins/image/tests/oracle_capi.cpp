// The library behind a C interface, for ctypes: the oracle tests compare it with Pillow and torchvision.
#include <algorithm>
#include <array>

#include "colour.h"
#include "decode.h"
#include "deferred.h"
#include "draw.h"
#include "encode.h"
#include "resample.h"
#include "sizes.h"
#include "tofloat.h"
#include "warp.h"

using namespace image;

namespace {
thread_local std::string last_error;

template <class F>
int guarded(F &&f) {
  try {
    f();
    return 0;
  } catch (const Error &e) {
    last_error = e.text;
    return e.code == Error::Code::input ? 1 : 2;
  }
}

Type type_of(int floats) { return floats ? Type::f32 : Type::u8; }
}  // namespace

#define API extern "C" __attribute__((visibility("default")))

API const char *image_error() { return last_error.c_str(); }

API int image_resize(const uint8_t *in, int h, int w, int c, int floats, uint8_t *out, int oh, int ow,
                     const char *filter, double gap) {
  return guarded([&] {
    Context context;
    resize(context, View(Shape{h, w, c, type_of(floats)}, in), Canvas(Shape{oh, ow, c, type_of(floats)}, out),
           filter_by_name(filter), gap);
  });
}

API int image_resize_part(const uint8_t *in, int h, int w, int c, uint8_t *out, int oh, int ow, const char *filter,
                          int top, int left, int ph, int pw) {
  return guarded([&] {
    Context context;
    const Resampler r(context, whole_resize(h, w, oh, ow, filter_by_name(filter)), Rect{top, left, ph, pw});
    // The needed part alone, so that reading beyond it shows.
    Pixels need(context, Shape{r.needs().height, r.needs().width, c, Type::u8});
    copy(View(Shape{h, w, c, Type::u8}, in).part(r.needs()), need.canvas);
    r.run(context, need.canvas, Canvas(Shape{ph, pw, c, Type::u8}, out));
  });
}

API int image_resize_linear(const uint8_t *in, int h, int w, int c, uint8_t *out, int oh, int ow) {
  return guarded([&] { resize_linear(View(Shape{h, w, c, Type::u8}, in), Canvas(Shape{oh, ow, c, Type::u8}, out)); });
}

// size: {height, width, orientation}. out may be null: only the header is read.
API int image_decode(const uint8_t *data, int64_t size, const char *mode, int *info, uint8_t *out) {
  return guarded([&] {
    Context context;
    const auto decoder = open_image(context, data, size_t(size));
    info[0] = decoder->height();
    info[1] = decoder->width();
    info[2] = decoder->orientation();
    if (!out) return;
    const Mode m = mode_by_name(mode);
    const Canvas canvas(Shape{info[0], info[1], channels_of(m), type_of(m)}, out);
    decoder->read(context, m, Rect::whole(canvas), canvas);
  });
}

// Decodes no more than part (top, left, height, width) needs.
API int image_decode_part(const uint8_t *data, int64_t size, const char *mode, const int *part, uint8_t *out) {
  return guarded([&] {
    Context context;
    const auto decoder = open_image(context, data, size_t(size));
    const Rect wanted{part[0], part[1], part[2], part[3]}, read = decoder->readable(wanted);
    const Mode m = mode_by_name(mode);
    const int channels = channels_of(m);
    const Pixels pixels(context, Shape{read.height, read.width, channels, Type::u8});
    decoder->read(context, m, read, pixels.canvas);
    const Rect inside{wanted.top - read.top, wanted.left - read.left, wanted.height, wanted.width};
    copy(View(pixels.canvas).part(inside), Canvas(Shape{wanted.height, wanted.width, channels, Type::u8}, out));
  });
}

// kind: 0 Resize(size, max_size), 1 CenterCrop(size, size2). Gives {height, width} or {top, left, height, width}.
API int image_sizes(int kind, int h, int w, int size, int size2, int *out) {
  return guarded([&] {
    if (kind == 0) {
      const Size s = shorter_side({h, w}, size, size2 > 0 ? std::optional<int64_t>(size2) : std::nullopt);
      out[0] = s.height;
      out[1] = s.width;
    } else {
      const Rect r = center_crop({h, w}, {size, size2});
      out[0] = r.top;
      out[1] = r.left;
      out[2] = r.height;
      out[3] = r.width;
    }
  });
}

API int image_letterbox(int h, int w, int oh, int ow, int stride, int scale_up, int *out) {
  return guarded([&] {
    const Letterbox b = letterbox({h, w}, {oh, ow}, stride, scale_up != 0);
    const int values[] = {b.resized.height, b.resized.width, b.inside.top, b.inside.left, b.out.height, b.out.width};
    std::copy_n(values, 6, out);
  });
}

// The ordinary chain, as nodes: decode (or the pixels, where size is 0), resize, crop, and normalize at once.
API int image_chain(const uint8_t *data, int64_t size, int h, int w, int short_side, int max_size, int ch, int cw,
                    const char *filter, const double *mean, const double *std, float *out) {
  return guarded([&] {
    Context context;
    NodePtr node;
    if (size > 0)
      node = decode_node(open_image(context, data, size_t(size)), Mode::RGB, nullptr);
    else
      node = fixed_node(View(Shape{h, w, 3, Type::u8}, data), nullptr);
    const Size s = shorter_side({node->shape().height, node->shape().width}, short_side,
                                max_size > 0 ? std::optional<int64_t>(max_size) : std::nullopt);
    node = resize_node(node, s.height, s.width, filter_by_name(filter));
    node = crop_node("image.center_crop", node, center_crop(s, {ch, cw}));
    to_float(node->part(context, Rect::whole(node->shape())).view, {{mean, mean + 3}, {std, std + 3}}, out);
  });
}

API int image_crop(const uint8_t *in, int h, int w, int c, const int *rect, uint8_t *out) {
  return guarded([&] {
    crop(View(Shape{h, w, c, Type::u8}, in), {rect[0], rect[1], rect[2], rect[3]},
         Canvas(Shape{rect[2], rect[3], c, Type::u8}, out));
  });
}

API int image_orient(const uint8_t *in, int h, int w, int c, int orientation, const int *rect, uint8_t *out) {
  return guarded([&] {
    Context context;
    const NodePtr node = orient_node(fixed_node(View(Shape{h, w, c, Type::u8}, in), nullptr), orientation);
    const Rect part{rect[0], rect[1], rect[2], rect[3]};
    copy(node->part(context, part).view, Canvas(Shape{part.height, part.width, c, Type::u8}, out));
  });
}

API int image_convert(const uint8_t *in, int h, int w, const char *from, const char *to, uint8_t *out) {
  return guarded([&] {
    Context context;
    const Space a = space_by_name(from), b = space_by_name(to);
    convert(context, View(Shape{h, w, channels_of(a), Type::u8}, in), a, b,
            Canvas(Shape{h, w, channels_of(b), Type::u8}, out));
  });
}

API int image_rotate_size(int h, int w, double degrees, int expand, int *out) {
  return guarded([&] {
    const Rotation r = rotation(h, w, degrees, expand != 0, std::nullopt);
    out[0] = r.height;
    out[1] = r.width;
  });
}

API int image_rotate(const uint8_t *in, int h, int w, int c, double degrees, int expand, const double *centre,
                     const char *filter, double fill, uint8_t *out) {
  return guarded([&] {
    Context context;
    std::optional<std::array<double, 2>> at;
    if (centre) at = {centre[0], centre[1]};
    const Rotation r = rotation(h, w, degrees, expand != 0, at);
    rotate(context, View(Shape{h, w, c, Type::u8}, in), r, filter_by_name(filter), {fill},
           Canvas(Shape{r.height, r.width, c, Type::u8}, out));
  });
}

API int image_warp(const uint8_t *in, int h, int w, int c, int floats, const double *m, int count, const char *filter,
                   double fill, int oh, int ow, uint8_t *out) {
  return guarded([&] {
    Context context;
    Warp map;
    std::copy_n(m, count, map.m.begin());
    map.perspective = count == 8;
    warp(context, View(Shape{h, w, c, type_of(floats)}, in), map, filter_by_name(filter), {fill},
         Canvas(Shape{oh, ow, c, type_of(floats)}, out));
  });
}

// format: 0 png, else jpeg of that quality. room: of `out`; the size is written to it.
API int image_encode(const uint8_t *in, int h, int w, int c, int quality, uint8_t *out, int64_t *room) {
  return guarded([&] {
    Context context;
    const View view(Shape{h, w, c, Type::u8}, in);
    const std::vector<uint8_t> bytes = quality ? encode_jpeg(context, view, quality) : encode_png(context, view);
    if (int64_t(bytes.size()) > *room) bad_argument("no room");
    std::copy(bytes.begin(), bytes.end(), out);
    *room = int64_t(bytes.size());
  });
}

API int image_draw(uint8_t *pixels, int h, int w, int c, const double *boxes, const char *const *labels, int count) {
  return guarded([&] {
    std::vector<Box> list;
    for (int i = 0; i < count; ++i)
      list.push_back({boxes[i * 4], boxes[i * 4 + 1], boxes[i * 4 + 2], boxes[i * 4 + 3], labels[i], i});
    draw_boxes(Canvas(Shape{h, w, c, Type::u8}, pixels), list, 0);
  });
}
