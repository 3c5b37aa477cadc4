// What suite.py measures, behind a C interface. Each function does the whole of its work once; 0 is success.
#include <cstdio>
#include <opencv2/imgproc.hpp>
#include <vector>

#include <jpeglib.h>

#include "deferred.h"
#include "resample.h"
#include "sizes.h"
#include "tofloat.h"

using namespace image;

#define API extern "C" __attribute__((visibility("default")))

namespace {

const Normalization imagenet{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};

int chain(NodePtr node, float *out) {
  Context context;
  const Size s = shorter_side({node->shape().height, node->shape().width}, 256, std::nullopt);
  node = resize_node(node, s.height, s.width, Filter::bilinear);
  node = crop_node("image.center_crop", node, center_crop(s, {224, 224}));
  to_float(node->part(context, Rect::whole(node->shape())).view, imagenet, out);
  return 0;
}

}  // namespace

// ---- this library

API int ours_decode(const uint8_t *data, size_t size, uint8_t *out) {
  Context context;
  const auto decoder = open_image(context, data, size);
  const Canvas canvas(Shape{decoder->height(), decoder->width(), 3, Type::u8}, out);
  decoder->read(context, Mode::RGB, Rect::whole(canvas), canvas);
  return 0;
}

API int ours_resize(const uint8_t *in, int h, int w, uint8_t *out, int oh, int ow) {
  Context context;
  resize(context, View(Shape{h, w, 3, Type::u8}, in), Canvas(Shape{oh, ow, 3, Type::u8}, out), Filter::bilinear);
  return 0;
}

API int ours_pixels_to_input(const uint8_t *in, int h, int w, float *out) {
  return chain(fixed_node(View(Shape{h, w, 3, Type::u8}, in), nullptr), out);
}

API int ours_file_to_input(const uint8_t *data, size_t size, float *out) {
  Context context;
  return chain(decode_node(open_image(context, data, size), Mode::RGB, nullptr), out);
}

// ---- limits

API int jpeg_decode(const uint8_t *data, size_t size, uint8_t *out) {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, data, size);
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  const size_t row = size_t{info.output_width} * 3;
  while (info.output_scanline < info.output_height) {
    JSAMPROW to = out + row * info.output_scanline;
    jpeg_read_scanlines(&info, &to, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return 0;
}

API int opencv_resize(const uint8_t *in, int h, int w, uint8_t *out, int oh, int ow, int area) {
  cv::setNumThreads(1);
  cv::Mat to(oh, ow, CV_8UC3, out);
  cv::resize(cv::Mat(h, w, CV_8UC3, const_cast<uint8_t *>(in)), to, to.size(), 0, 0,
             area ? cv::INTER_AREA : cv::INTER_LINEAR);
  return 0;
}
