// One photo through ResNet-18, nothing else: peer_photo MODEL.pt PHOTO.jpg. Prints the five best classes.
#include <ATen/Parallel.h>
#include <jpeglib.h>
#include <torch/script.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "resample.h"
#include "sizes.h"

namespace {

std::vector<uint8_t> decode(const std::string &bytes, int &height, int &width) {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&jpeg);
  height = static_cast<int>(jpeg.output_height);
  width = static_cast<int>(jpeg.output_width);
  std::vector<uint8_t> pixels(size_t(height) * size_t(width) * 3);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = pixels.data() + size_t(jpeg.output_scanline) * size_t(width) * 3;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  return pixels;
}

at::Tensor preprocess(const std::string &bytes) {
  int height = 0, width = 0;
  std::vector<uint8_t> pixels = decode(bytes, height, width);
  const image::Size out = image::shorter_side({height, width}, 256, {});
  const image::Rect crop = image::center_crop(out, {224, 224});
  std::vector<uint8_t> cropped(224 * 224 * 3);
  image::Context context;
  const image::Resampler resampler(
      context, image::whole_resize(height, width, out.height, out.width, image::Filter::bilinear), crop);
  const image::View whole(image::Shape{height, width, 3}, pixels.data());
  resampler.run(context, whole.part(resampler.needs()), image::Canvas(image::Shape{224, 224, 3}, cropped.data()));
  const float mean[] = {0.485F, 0.456F, 0.406F}, std[] = {0.229F, 0.224F, 0.225F};
  at::Tensor x = at::empty({1, 3, 224, 224});
  float *to = x.data_ptr<float>();
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 224 * 224; ++i) *to++ = (float(cropped[size_t(i * 3 + c)]) / 255.0F - mean[c]) / std[c];
  }
  return x;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[2], std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const c10::InferenceMode guard;
  torch::jit::setGraphExecutorOptimize(false);
  torch::jit::Module model = torch::jit::load(argv[1]);
  const at::Tensor logits = model.forward({preprocess(bytes)}).toTensor()[0];
  const auto [p, ids] = at::softmax(logits, -1).topk(5);
  for (int i = 0; i < 5; ++i) std::printf("%ld %.6f\n", long(ids[i].item<int64_t>()), double(p[i].item<float>()));
  std::fflush(stdout);
  _exit(0);
}
