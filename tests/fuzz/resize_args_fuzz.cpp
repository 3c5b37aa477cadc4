// Any arguments of a resize are refused, or give a result whose parts, computed alone, equal the whole.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "resample.h"
#include "sizes.h"

using namespace image;

namespace {

class Arguments {
 public:
  Arguments(const uint8_t *data, size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T v{};
    const size_t n = std::min(sizeof v, size_);
    if (n > 0) std::memcpy(&v, data_, n);
    data_ += n;
    size_ -= n;
    return v;
  }
  int below(int limit) { return int(take<uint16_t>()) % limit; }
  // Mostly small sides, some long ones.
  int side() { return 1 + (take<uint8_t>() < 240 ? below(48) : below(3000)); }

 private:
  const uint8_t *data_;
  size_t size_;
};

void sizes(Arguments &a) {
  try {
    const Size in{a.side(), a.side()};
    const int64_t target = a.take<int64_t>(), most = a.take<int64_t>();
    const Size out = shorter_side(in, target, most);
    if (out.height < 1 || out.width < 1) std::abort();
    letterbox(in, {a.side(), a.side()}, a.below(100), a.below(2));
  } catch (const Error &) { return; }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Arguments a(data, size);
  sizes(a);
  Context context;
  const Filter filter = Filter(a.below(6));
  const Type type = a.below(4) == 0 ? Type::f32 : Type::u8;
  const Shape in{a.side(), a.side(), 1 + a.below(4), type};
  const Shape out{a.side(), a.side(), in.channels, type};
  if (in.pixels() > 1 << 18 || out.pixels() > 1 << 18 || int64_t{in.height} * out.width > 1 << 18) return 0;

  std::vector<uint8_t> pixels(in.bytes());
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = type == Type::u8 ? uint8_t(i * 37 + size) : uint8_t(i % 4 == 3 ? 63 : i);
  const View source(in, pixels.data());
  Resize how = whole_resize(in.height, in.width, out.height, out.width, filter);
  if (a.below(2)) {
    how.box[0] = float(in.width) * float(a.below(1000)) / 1001.0f;
    how.box[1] = float(in.height) * float(a.below(1000)) / 1001.0f;
    how.box[2] = std::min(float(in.width), how.box[0] + float(a.below(1000) + 1) / 100.0f);
    how.box[3] = std::min(float(in.height), how.box[1] + float(a.below(1000) + 1) / 100.0f);
  }
  const Resampler whole(context, how, Rect::whole(out));
  std::vector<uint8_t> result(out.bytes());
  whole.run(context, source.part(whole.needs()), Canvas(out, result.data()));

  const int top = a.below(out.height), left = a.below(out.width);
  const Rect part{top, left, 1 + a.below(out.height - top), 1 + a.below(out.width - left)};
  const Resampler some(context, how, part);
  std::vector<uint8_t> piece(Shape{part.height, part.width, out.channels, type}.bytes());
  const Canvas canvas(Shape{part.height, part.width, out.channels, type}, piece.data());
  some.run(context, source.part(some.needs()), canvas);
  const View expected = View(out, result.data()).part(part);
  const bool copied = type == Type::u8 && in.height == out.height && in.width == out.width;
  for (int y = 0; y < part.height && !copied; ++y)
    if (std::memcmp(expected.row(y), canvas.row(y), canvas.row_bytes()) != 0) std::abort();

  std::vector<uint8_t> reduced(out.bytes());
  resize(context, source, Canvas(out, reduced.data()), filter, 1.0 + a.below(40) / 10.0);
  return 0;
}
