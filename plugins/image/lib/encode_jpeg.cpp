#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "encode.h"

namespace image {
namespace {

// One jpeg_compress_struct into memory; errors by longjmp, as in decode_jpeg.cpp.
class Session {
 public:
  Session() {
    info.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr c) { std::longjmp(reinterpret_cast<Errors *>(c->err)->jump, 1); };
    errors_.base.output_message = [](j_common_ptr) {};
    run([&] {
      jpeg_create_compress(&info);
      jpeg_mem_dest(&info, &data_, &size_);
    });
  }
  ~Session() {
    jpeg_destroy_compress(&info);
    std::free(data_);
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  template <class F>
  void run(F &&f) {
    if (setjmp(errors_.jump)) {
      char message[JMSG_LENGTH_MAX];
      errors_.base.format_message(reinterpret_cast<j_common_ptr>(&info), message);
      bad_argument(std::string("the image cannot be a JPEG: ") + message);
    }
    f();
  }
  std::vector<uint8_t> bytes() const { return {data_, data_ + size_}; }

  jpeg_compress_struct info{};

 private:
  struct Errors {
    jpeg_error_mgr base;
    std::jmp_buf jump;
  };
  Errors errors_{};
  unsigned char *data_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

std::vector<uint8_t> encode_jpeg(Context &context, View image, int quality) {
  const Charge work(context, image.bytes());
  Session session;
  session.run([&] {
    session.info.image_height = JDIMENSION(image.height);
    session.info.image_width = JDIMENSION(image.width);
    session.info.input_components = image.channels;
    session.info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&session.info);
    jpeg_set_quality(&session.info, quality, TRUE);
    jpeg_start_compress(&session.info, TRUE);
  });
  for (int y = 0; y < image.height; ++y) {
    if (y % 64 == 0) context.poll();
    JSAMPROW row = const_cast<uint8_t *>(image.row(y));
    session.run([&] { jpeg_write_scanlines(&session.info, &row, 1); });
  }
  session.run([&] { jpeg_finish_compress(&session.info); });
  return session.bytes();
}

}  // namespace image
