// camera BUNDLE FRAMES: a loop over frames as a camera gives them, here drawn: a digit that moves. Each frame's memory goes
// to the bundle as it is; the Mat lives until the engine has let it go. Bundles of kind image take a uint8 tensor height x
// width x channels in place of a file.
#include <cstdio>
#include <cstdlib>
#include <mrun/mrun.hpp>
#include <opencv2/imgproc.hpp>

namespace {

// A DLPack tensor over a Mat, and the Mat itself, which counts its references.
struct Frame {
  DLManagedTensor tensor{};
  cv::Mat image;
  int64_t shape[3], strides[3];
};

DLManagedTensor *share(const cv::Mat &image) {
  auto *frame = new Frame{{}, image, {image.rows, image.cols, image.channels()}, {}};
  const auto row = static_cast<int64_t>(image.step[0]);  // bytes, and so elements: rows may have room behind them
  frame->strides[0] = row;
  frame->strides[1] = image.channels();
  frame->strides[2] = 1;
  DLTensor &t = frame->tensor.dl_tensor;
  t.data = image.data;
  t.device = {kDLCPU, 0};
  t.ndim = 3;
  t.dtype = {kDLUInt, 8, 1};
  t.shape = frame->shape;
  t.strides = frame->strides;
  frame->tensor.manager_ctx = frame;
  frame->tensor.deleter = [](DLManagedTensor *self) { delete static_cast<Frame *>(self->manager_ctx); };
  return &frame->tensor;
}

cv::Mat next_frame(int number) {
  cv::Mat image(240, 320, CV_8UC3, cv::Scalar(255, 255, 255));
  cv::putText(image, "7", {80 + number % 40, 200}, cv::FONT_HERSHEY_SIMPLEX, 7, cv::Scalar(0, 0, 0), 22);
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);  // scripts get RGB
  return image;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return std::fputs("usage: camera BUNDLE FRAMES\n", stderr), 2;
  try {
    const mrun::bundle bundle(argv[1]);
    const mrun::engine engine(bundle);
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
      mrun::variant input;
      if (mrun_tensor(share(next_frame(i)), input.out()) != MRUN_OK) return 1;
      const mrun::result r = engine.run(input);
      std::printf("%s\n", r ? r.json() : r.message());
    }
  } catch (const mrun::failure &e) { return std::fprintf(stderr, "camera: %s\n", e.what()), 1; }
}
