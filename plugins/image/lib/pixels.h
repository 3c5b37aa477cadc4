// Pixels: what every function here works on. An image is rows of interleaved channels, uint8 or float32, row-major,
// channels last; rows may lie apart (stride). No function keeps a view after it returns.
#pragma once
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace image {

// What went wrong. `input`: the file is at fault; `argument`: the caller is.
struct Error : std::exception {
  enum class Code { input, argument };
  Error(Code c, std::string t) : code(c), text(std::move(t)) {}
  const char *what() const noexcept override { return text.c_str(); }
  Code code;
  std::string text;
  std::string operation;  // of a deferred computation: the operation that the script called, "image.decode"
};
[[noreturn]] void bad_input(std::string text);
[[noreturn]] void bad_argument(std::string text);
// A name as a message shows it: its first 40 bytes, of whole characters.
std::string shown(std::string_view name);
// As a message shows it: 256, 1.5, nan.
std::string number(double);

enum class Type : uint8_t { u8, f32, i32 };  // i32 is decoded to, nothing else
inline int size_of(Type t) { return t == Type::u8 ? 1 : 4; }

struct Shape {
  int height = 0, width = 0, channels = 0;
  Type type = Type::u8;
  bool operator==(const Shape &) const = default;
  int64_t pixels() const { return int64_t{height} * width; }
  size_t row_bytes() const { return size_t(width) * size_t(channels * size_of(type)); }
  size_t bytes() const { return row_bytes() * size_t(height); }
};

// Pixels [left, left + width) x [top, top + height) of an image.
struct Rect {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Rect &) const = default;
  int bottom() const { return top + height; }
  int right() const { return left + width; }
  bool empty() const { return height <= 0 || width <= 0; }
  static Rect whole(const Shape &s) { return {0, 0, s.height, s.width}; }
};
Rect intersect(const Rect &, const Rect &);

template <class Byte>
struct BasicView : Shape {
  Byte *data = nullptr;
  ptrdiff_t stride = 0;  // bytes from row to row

  BasicView() = default;
  BasicView(const Shape &s, Byte *d, ptrdiff_t row_stride) : Shape(s), data(d), stride(row_stride) {}
  BasicView(const Shape &s, Byte *d) : BasicView(s, d, ptrdiff_t(s.row_bytes())) {}
  template <class Other>
  BasicView(const BasicView<Other> &o) : Shape(o), data(o.data), stride(o.stride) {}

  Byte *row(int y) const { return data + y * stride; }
  Byte *pixel(int y, int x) const { return row(y) + ptrdiff_t(x) * (channels * size_of(type)); }
  BasicView part(const Rect &r) const {
    return {Shape{r.height, r.width, channels, type}, pixel(r.top, r.left), stride};
  }
};
using View = BasicView<const uint8_t>;
using Canvas = BasicView<uint8_t>;

// Where memory comes from and who may stop the work. The plugin gives the item's budget and deadline; the default is
// for tests: plain memory, no limits but the number of pixels.
class Context {
 public:
  virtual ~Context() = default;
  virtual std::shared_ptr<uint8_t> allocate(size_t bytes);  // 64-byte aligned, not initialized
  virtual void charge(int64_t bytes) { (void)bytes; }       // a library is about to use (or, negative, freed) as much
  virtual void poll() {}                                    // throws when the work should stop
};

// Announces a library's own memory for as long as it lives.
class Charge {
 public:
  Charge(Context &context, size_t bytes) : context_(context), bytes_(int64_t(bytes)) { context_.charge(bytes_); }
  ~Charge() { context_.charge(-bytes_); }
  Charge(const Charge &) = delete;
  Charge &operator=(const Charge &) = delete;

 private:
  Context &context_;
  int64_t bytes_;
};

// No image has more pixels than this, whatever the budget; nor a side longer than max_side.
inline constexpr int64_t max_pixels = int64_t{1} << 28;
inline constexpr int64_t max_side = int64_t{1} << 20;
// Checks the size of a result, or of a file's header. `what` begins the message: "the PNG", "the result".
void check_size(const char *what, int64_t height, int64_t width, Error::Code code);

// Owned pixels: dense rows, and 64 bytes behind the last one that may be read (not written).
struct Pixels {
  Canvas canvas;
  std::shared_ptr<uint8_t> memory;
  Pixels() = default;
  Pixels(Context &, const Shape &);
};

void copy(View from, Canvas to);  // shapes must be equal

}  // namespace image
