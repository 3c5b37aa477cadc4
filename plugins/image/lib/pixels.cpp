#include "pixels.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <mrun/message.hpp>
#include <new>

namespace image {

void bad_input(std::string text) { throw Error(Error::Code::input, std::move(text)); }
void bad_argument(std::string text) { throw Error(Error::Code::argument, std::move(text)); }

std::string shown(std::string_view name) { return mrun::shortened(name, 40); }

std::string number(double v) {
  if (std::isnan(v)) return "nan";
  std::array<char, 32> text{};  // not printf's: that goes by the program's locale
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::general, 6).ptr};
}

Rect intersect(const Rect &a, const Rect &b) {
  Rect r;
  r.top = std::max(a.top, b.top);
  r.left = std::max(a.left, b.left);
  r.height = std::max(0, std::min(a.bottom(), b.bottom()) - r.top);
  r.width = std::max(0, std::min(a.right(), b.right()) - r.left);
  return r;
}

std::shared_ptr<uint8_t> Context::allocate(size_t bytes) {
  constexpr std::align_val_t alignment{64};
  return {static_cast<uint8_t *>(::operator new(bytes, alignment)),
          [](uint8_t *p) { ::operator delete(p, alignment); }};
}

void check_size(const char *what, int64_t height, int64_t width, Error::Code code) {
  if (height > 0 && width > 0 && height <= max_side && width <= max_side && height * width <= max_pixels) return;
  throw Error(code, std::string(what) + " is " + std::to_string(height) + " x " + std::to_string(width) +
                        " (height x width); wanted at least 1 x 1, at most " + std::to_string(max_side) +
                        " a side and " + std::to_string(max_pixels) + " pixels");
}

Pixels::Pixels(Context &context, const Shape &shape) {
  constexpr size_t slack = 64;
  memory = context.allocate(shape.bytes() + slack);
  std::memset(memory.get() + shape.bytes(), 0, slack);
  canvas = Canvas(shape, memory.get());
}

void copy(View from, Canvas to) {
  const size_t bytes = from.row_bytes();
  for (int y = 0; y < from.height; ++y) std::memcpy(to.row(y), from.row(y), bytes);
}

}  // namespace image
