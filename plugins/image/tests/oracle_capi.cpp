// The library behind a C interface, for ctypes: the oracle tests compare it with Pillow and torchvision.
#include <cstring>

#include "decode.h"
#include "resample.h"
#include "sizes.h"

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
    const Resampler r(whole_resize(h, w, oh, ow, filter_by_name(filter)), Rect{top, left, ph, pw});
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
API int image_decode(const uint8_t *data, int64_t size, int channels, int *info, uint8_t *out) {
  return guarded([&] {
    Context context;
    const auto decoder = open_image(context, data, size_t(size));
    info[0] = decoder->height();
    info[1] = decoder->width();
    info[2] = decoder->orientation();
    if (!out) return;
    const Canvas canvas(Shape{info[0], info[1], channels, Type::u8}, out);
    decoder->read(context, Mode(channels), Rect::whole(canvas), canvas);
  });
}

// Decodes no more than part (top, left, height, width) needs.
API int image_decode_part(const uint8_t *data, int64_t size, int channels, const int *part, uint8_t *out) {
  return guarded([&] {
    Context context;
    const auto decoder = open_image(context, data, size_t(size));
    const Rect wanted{part[0], part[1], part[2], part[3]}, read = decoder->readable(wanted);
    const Pixels pixels(context, Shape{read.height, read.width, channels, Type::u8});
    decoder->read(context, Mode(channels), read, pixels.canvas);
    const Rect inside{wanted.top - read.top, wanted.left - read.left, wanted.height, wanted.width};
    copy(View(pixels.canvas).part(inside), Canvas(Shape{wanted.height, wanted.width, channels, Type::u8}, out));
  });
}
