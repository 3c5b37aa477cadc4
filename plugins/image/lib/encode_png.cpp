#include <png.h>

#include <csetjmp>
#include <cstring>

#include "encode.h"

namespace image {
namespace {

// One png_struct that writes into memory; errors by longjmp, as in decode_png.cpp.
class Session {
 public:
  Session() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (!png) throw std::bad_alloc();
    info = png_create_info_struct(png);
    if (!info) {
      png_destroy_write_struct(&png, nullptr);
      throw std::bad_alloc();
    }
    png_set_write_fn(png, this, on_write, [](png_structp) {});
  }
  ~Session() { png_destroy_write_struct(&png, &info); }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  template <class F>
  void run(F &&f) {
    if (setjmp(png_jmpbuf(png))) {
      if (out_of_memory_) throw std::bad_alloc();
      bad_argument(std::string("the image cannot be a PNG: ") + message_);
    }
    f();
  }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<uint8_t> bytes;

 private:
  static void on_error(png_structp p, png_const_charp message) {
    auto *session = static_cast<Session *>(png_get_error_ptr(p));
    std::strncpy(session->message_, message, sizeof session->message_ - 1);
    png_longjmp(p, 1);
  }
  static void on_write(png_structp p, png_bytep data, size_t size) {
    auto *session = static_cast<Session *>(png_get_io_ptr(p));
    try {
      session->bytes.insert(session->bytes.end(), data, data + size);
    } catch (...) { session->out_of_memory_ = true; }
    if (session->out_of_memory_) png_error(p, "out of memory");
  }
  char message_[128] = "";
  bool out_of_memory_ = false;
};

int colour_type(int channels) {
  static constexpr int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA};
  return types[channels - 1];
}

}  // namespace

std::vector<uint8_t> encode_png(Context &context, View image) {
  const Charge work(context, image.bytes());
  Session session;
  session.run([&] {
    png_set_IHDR(session.png, session.info, png_uint_32(image.width), png_uint_32(image.height), 8,
                 colour_type(image.channels), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(session.png, session.info);
  });
  for (int y = 0; y < image.height; ++y) {
    if (y % 64 == 0) context.poll();
    session.run([&] { png_write_row(session.png, image.row(y)); });
  }
  session.run([&] { png_write_end(session.png, session.info); });
  return std::move(session.bytes);
}

}  // namespace image
