// Portable bitmaps, graymaps and pixmaps: P1 to P3 as text, P4 to P6 as bytes. Values go to 0 .. 255, or, of a graymap
// with a greater maximum, to 0 .. 65535, rounded half to even, as Pillow does it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "rows.h"

namespace image {
namespace {

bool is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

class Pnm final : public Decoder {
 public:
  Pnm(const uint8_t *data, size_t size)
      : Decoder("PNM"), data_(data), size_(size), plain_(data[1] <= '3'), kind_((data[1] - '1') % 3) {
    at_ = 2;
    if (size < 3 || !is_space(data[2])) damaged("a space is missing behind its first two characters");
    const int64_t width = header_number(), height = header_number();
    set_size(height, width);
    if (kind_ != bits) most_ = int(header_number());
    if (most_ < 1 || most_ > 65535) damaged("its greatest value is " + std::to_string(most_) + "; wanted 1 to 65535");
    wide_ = kind_ == grey && most_ > 255;
    // Of text, a value takes two characters, but for bits.
    const size_t values = size_t(width_) * size_t(height_) * size_t(samples());
    const size_t least = !plain_ ? row_bytes() * size_t(height_) : kind_ == bits ? values : values * 2 - 1;
    if (size_ - at_ < least) truncated();
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    const Native native = kind_ == colour ? Native::rgb : wide_ ? Native::grey16 : Native::grey;
    const RowConverter convert{native, mode, nullptr, {}};
    const std::shared_ptr<uint8_t> row = context.allocate(size_t(width_) * size_t(native_bytes(native)));
    size_t at = at_;
    for (int y = 0; y < height_; ++y) {
      if (y % 64 == 0) context.poll();
      for (int i = 0; i < width_ * samples(); ++i) put(row.get(), i, plain_ ? text_value(at) : byte_value(at, i));
      if (!plain_) at += row_bytes();
      convert(row.get(), out.row(y), width_);
    }
  }

 private:
  enum Kind { bits, grey, colour };
  int samples() const { return kind_ == colour ? 3 : 1; }
  size_t row_bytes() const {
    if (kind_ == bits) return (size_t(width_) + 7) / 8;
    return size_t(width_) * size_t(samples()) * (most_ > 255 ? 2 : 1);
  }

  // Spaces and comments, which go to the end of their line.
  void skip_space(size_t &at) const {
    for (bool comment = false; at < size_; ++at) {
      const uint8_t c = data_[at];
      if (comment) {
        comment = c != '\n' && c != '\r';
      } else if (c == '#') {
        comment = true;
      } else if (!is_space(c)) {
        return;
      }
    }
  }

  int64_t digits(size_t &at) const {
    constexpr int most_digits = 10;
    int64_t v = 0;
    int count = 0;
    for (; at < size_ && data_[at] >= '0' && data_[at] <= '9'; ++at) {
      if (++count > most_digits) damaged("a number has more than 10 digits");
      v = v * 10 + (data_[at] - '0');
    }
    if (count == 0 && at == size_) truncated();
    if (count == 0) damaged("the byte at " + std::to_string(at) + " is no digit");
    return v;
  }

  // One space ends it, behind the last one the pixels begin.
  int64_t header_number() {
    skip_space(at_);
    const int64_t v = digits(at_);
    if (at_ == size_) truncated();
    if (data_[at_] == '#') {
      skip_space(at_);
      return v;
    }
    if (!is_space(data_[at_])) damaged("the byte at " + std::to_string(at_) + " is no digit");
    ++at_;
    return v;
  }

  int text_value(size_t &at) const {
    skip_space(at);
    if (kind_ == bits) {
      if (at == size_) truncated();
      if (data_[at] != '0' && data_[at] != '1') damaged("the byte at " + std::to_string(at) + " is neither 0 nor 1");
      return data_[at++] == '0';
    }
    const int64_t v = digits(at);
    if (v > most_) damaged("the value " + std::to_string(v) + " is greater than " + std::to_string(most_));
    return int(v);
  }

  int byte_value(size_t row, int i) const {
    if (kind_ == bits) return !(data_[row + size_t(i / 8)] >> (7 - i % 8) & 1);
    if (most_ < 256) return data_[row + size_t(i)];
    return data_[row + size_t(i) * 2] << 8 | data_[row + size_t(i) * 2 + 1];
  }

  void put(uint8_t *row, int i, int v) const {
    const int top = wide_ ? 65535 : 255;
    if (kind_ == bits)
      v *= 255;
    else if (most_ != top)
      v = int(std::min<double>(top, std::nearbyint(double(v) / double(most_) * top)));
    if (!wide_) {
      row[i] = uint8_t(v);
      return;
    }
    const auto both = uint16_t(v);
    std::memcpy(row + i * 2, &both, 2);
  }

  const uint8_t *data_;
  size_t size_, at_ = 0;
  bool plain_, wide_ = false;
  int kind_, most_ = 255;
};

}  // namespace

std::unique_ptr<Decoder> open_pnm(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Pnm>(data, size);
}

}  // namespace image
