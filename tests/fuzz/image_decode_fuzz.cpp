// Any bytes are refused as no image, or decode to pixels: within time, and within memory that their header justifies.
#include <cstdlib>
#include <cstring>

#include "decode.h"

using namespace image;

namespace {

constexpr int64_t most_pixels = 1 << 20;  // larger claims are judged by their header alone here
// Of a lossless WebP 20 bits may be a group of prefix codes, with tables of 21 KB.
constexpr int64_t most_a_byte = 10000;

class Limits final : public Context {
 public:
  explicit Limits(size_t size) : most_(most_pixels * 64 + int64_t(size) * most_a_byte) {}
  std::shared_ptr<uint8_t> allocate(size_t bytes) override {
    add(int64_t(bytes));
    return Context::allocate(bytes);
  }
  void charge(int64_t bytes) override { add(bytes); }

 private:
  void add(int64_t bytes) {
    total_ += bytes;
    if (total_ > most_) std::abort();
  }
  const int64_t most_;
  int64_t total_ = 0;
};

void decode(Decoder &decoder, Mode mode, Limits &limits) {
  const Rect whole{0, 0, decoder.height(), decoder.width()};
  const Rect middle{whole.height / 3, whole.width / 3, (whole.height + 2) / 3, (whole.width + 2) / 3};
  for (const Rect &wanted : {whole, middle}) {
    const Rect part = decoder.readable(wanted);
    if (!(intersect(part, wanted) == wanted) || !(intersect(part, whole) == part)) std::abort();
    const Pixels pixels(limits, Shape{part.height, part.width, channels_of(mode), type_of(mode)});
    decoder.read(limits, mode, part, pixels.canvas);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static constexpr Mode modes[] = {Mode::RGB, Mode::L, Mode::RGBA, Mode::F, Mode::I, Mode::I16};
  try {
    Limits limits(size);
    const auto decoder = open_image(limits, data, size);
    if (int64_t{decoder->height()} * decoder->width() > most_pixels) return 0;
    decode(*decoder, modes[size % 6], limits);
  } catch (const Error &) {
    return 0;  // refused, with a message
  }
  return 0;
}
