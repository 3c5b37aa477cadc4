// Windows and OS/2 bitmaps. Layout: a file header of 14 bytes (the pixels' offset at 10), an info header that begins
// with its own size (12, 40, 52, 56, 64, 108 or 124), bit masks, a palette, rows padded to 4 bytes, from the bottom up unless
// the height is negative. There is no library for it in Debian that is smaller than this file.
#include <algorithm>
#include <cstring>
#include <vector>

#include "rows.h"

namespace image {
namespace {

enum Compression : uint32_t { raw = 0, rle8 = 1, rle4 = 2, bit_fields = 3 };

// Where a channel lies in a pixel of 16, 24 or 32 bits.
struct Field {
  uint32_t mask = 0;
  int shift = 0;
  uint32_t top = 0;
  explicit Field(uint32_t m = 0) : mask(m) {
    if (!m) return;
    while (!(m >> shift & 1)) ++shift;
    top = m >> shift;
  }
  uint8_t of(uint32_t pixel) const { return uint8_t((pixel & mask) >> shift) * 255u / top; }
};

class Bmp final : public Decoder {
 public:
  Bmp(const uint8_t *data, size_t size) : Decoder("BMP"), data_(data), size_(size) {
    need(0, 18);
    const uint32_t header = u32(14);
    static constexpr uint32_t known[] = {12, 40, 52, 56, 64, 108, 124};
    if (std::find(std::begin(known), std::end(known), header) == std::end(known))
      damaged("its header has " + std::to_string(header) + " bytes; wanted 12, 40, 52, 56, 64, 108 or 124");
    need(14, header);
    offset_ = u32(10);
    read_header(header);
    if (bits_ <= 8) read_palette(header);
    check_pixels();
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    RowConverter convert{bits_ <= 8 ? Native::palette : alpha_.mask ? Native::rgba : Native::rgb, mode, &palette_, {}};
    if (compression_ == rle8 || compression_ == rle4) return read_runs(context, convert, out);
    const std::shared_ptr<uint8_t> row = context.allocate(size_t(width_) * 4);
    for (int y = 0; y < height_; ++y) {
      if (y % 64 == 0) context.poll();
      const uint8_t *in = data_ + offset_ + row_bytes_ * size_t(top_down_ ? y : height_ - 1 - y);
      bits_ <= 8 ? unpack_indices(in, row.get()) : unpack_fields(in, row.get());
      convert(row.get(), out.row(y), width_);
    }
  }

 private:
  uint32_t u16(size_t at) const { return data_[at] | uint32_t{data_[at + 1]} << 8; }
  uint32_t u32(size_t at) const { return u16(at) | u16(at + 2) << 16; }
  void need(size_t at, size_t count) const {
    if (at > size_ || size_ - at < count) truncated();
  }

  void read_header(uint32_t header) {
    int64_t height, width;
    if (header == 12) {
      width = u16(18);
      height = u16(20);
      bits_ = int(u16(24));
      colours_at_ = 14 + header;
    } else {
      width = int32_t(u32(18));
      height = int32_t(u32(22));
      top_down_ = height < 0;
      height = std::abs(height);
      bits_ = int(u16(28));
      compression_ = u32(30);
      colours_ = u32(46);
      colours_at_ = 14 + header;
    }
    set_size(height, width);
    if (bits_ != 1 && bits_ != 4 && bits_ != 8 && bits_ != 16 && bits_ != 24 && bits_ != 32)
      damaged("it has " + std::to_string(bits_) + " bits a pixel; wanted 1, 4, 8, 16, 24 or 32");
    if (compression_ > bit_fields || (compression_ == rle8 && bits_ != 8) || (compression_ == rle4 && bits_ != 4) ||
        (compression_ == bit_fields && bits_ < 16))
      damaged("compression " + std::to_string(compression_) + " is not known for its depth");
    if (compression_ == bit_fields)
      read_masks(header);
    else if (bits_ == 16)
      set_masks(0x7c00, 0x3e0, 0x1f, 0);
    else if (bits_ > 16)
      set_masks(0xff0000, 0xff00, 0xff, 0);
  }

  void set_masks(uint32_t r, uint32_t g, uint32_t b, uint32_t a) {
    red_ = Field(r);
    green_ = Field(g);
    blue_ = Field(b);
    alpha_ = Field(a);
  }

  void read_masks(uint32_t header) {
    need(54, 12);
    const uint32_t r = u32(54), g = u32(58), b = u32(62);
    uint32_t a = 0;
    if (header >= 56 && bits_ == 32) a = u32(66);
    if (header < 52) colours_at_ += 12;  // the masks stand behind it
    if (!r && !g && !b && !a) return set_masks(0xff0000, 0xff00, 0xff, 0xff000000);
    if (!r || !g || !b) damaged("a colour has no bits");
    set_masks(r, g, b, a);
    for (const Field &f : {red_, green_, blue_, alpha_})
      if (f.top > 255 || (f.top & (f.top + 1))) damaged("its bit masks are not known");
  }

  void read_palette(uint32_t header) {
    const size_t entry = header == 12 ? 3 : 4;
    size_t count = colours_ ? colours_ : size_t{1} << bits_;
    if (count > 65536) damaged("its palette has " + std::to_string(count) + " colours");
    const size_t used = std::min(count, size_t{1} << bits_);  // what a header claims beyond that is read by nobody
    need(colours_at_, used * entry);
    for (size_t i = 0; i < used; ++i) {
      const uint8_t *c = data_ + colours_at_ + i * entry;
      palette_.colours[i] = {c[2], c[1], c[0], 255};
    }
    // A palette that is left out of the offset, as some writers do.
    if (offset_ == colours_at_) offset_ += count * entry;
    colours_at_ += count * entry;
  }

  void check_pixels() {
    if (offset_ == 0) offset_ = colours_at_;  // not said: behind the header and the palette
    row_bytes_ = (size_t(width_) * size_t(bits_) + 31) / 32 * 4;
    need(offset_, 0);
    if (compression_ == rle8 || compression_ == rle4) return;
    // The last row's padding may be missing.
    const size_t last = (size_t(width_) * size_t(bits_) + 7) / 8;
    need(offset_, row_bytes_ * size_t(height_ - 1) + last);
  }

  void unpack_indices(const uint8_t *in, uint8_t *out) const {
    const int in_byte = 8 / bits_, mask = (1 << bits_) - 1;
    for (int x = 0; x < width_; ++x) out[x] = uint8_t(in[x / in_byte] >> ((in_byte - 1 - x % in_byte) * bits_) & mask);
  }

  void unpack_fields(const uint8_t *in, uint8_t *out) const {
    const int bytes = bits_ / 8;
    for (int x = 0; x < width_; ++x, in += bytes) {
      uint32_t pixel = 0;
      for (int i = 0; i < bytes; ++i) pixel |= uint32_t{in[i]} << 8 * i;
      *out++ = red_.of(pixel);
      *out++ = green_.of(pixel);
      *out++ = blue_.of(pixel);
      if (alpha_.mask) *out++ = alpha_.of(pixel);
    }
  }

  // Where run-length code writes. What lies beyond the right edge is dropped: writers fill up rows to 4 bytes.
  struct Pen {
    uint8_t *indices;
    size_t width, height, x = 0, y = 0;
    void put(uint8_t index) {
      if (x < width && y < height) indices[y * width + x] = index;
      ++x;
    }
    bool done() const { return y >= height || (y + 1 == height && x >= width); }
  };

  void read_runs(Context &context, const RowConverter &convert, Canvas out) const {
    const size_t width = size_t(width_), total = width * size_t(height_);
    const std::shared_ptr<uint8_t> indices = context.allocate(total);
    std::memset(indices.get(), 0, total);
    Pen pen{indices.get(), width, size_t(height_)};
    const bool ended = unpack_runs(pen);
    if (!pen.done() && ended) damaged("its run-length code ends before its last row does");
    if (!pen.done()) truncated();
    for (int y = 0; y < height_; ++y)
      convert(indices.get() + width * size_t(top_down_ ? y : height_ - 1 - y), out.row(y), width_);
  }

  // Run-length code: (n, index) repeats; (0, n > 2) is n literal indices; (0, 0) ends a row, (0, 1) the image, (0, 2)
  // moves right and up. Two indices a byte with 4 bits. Everything that is skipped is index 0. Gives whether the code
  // for the end came.
  bool unpack_runs(Pen &pen) const {
    enum : uint8_t { end_of_row, end_of_image, move };
    const bool four = compression_ == rle4;
    const auto nibble = [](uint8_t byte, size_t i) { return uint8_t(i % 2 ? byte & 15 : byte >> 4); };
    for (size_t at = offset_; !pen.done() && size_ - at >= 2;) {
      const size_t count = data_[at];
      const uint8_t value = data_[at + 1];
      at += 2;
      if (count) {
        for (size_t i = 0; i < count; ++i) pen.put(four ? nibble(value, i) : value);
      } else if (value == end_of_row) {
        pen.x = 0;
        ++pen.y;
      } else if (value == end_of_image) {
        return true;
      } else if (value == move) {
        if (size_ - at < 2) break;
        pen.x += data_[at];
        pen.y += data_[at + 1];
        at += 2;
      } else {
        const size_t bytes = four ? (size_t{value} + 1) / 2 : value;
        if (size_ - at < bytes) break;
        for (size_t i = 0; i < value; ++i) pen.put(four ? nibble(data_[at + i / 2], i) : data_[at + i]);
        at += std::min(size_ - at, bytes + bytes % 2);
      }
    }
    return false;
  }

  const uint8_t *data_;
  size_t size_;
  size_t offset_ = 0, row_bytes_ = 0, colours_at_ = 0;
  int bits_ = 0;
  bool top_down_ = false;
  uint32_t compression_ = raw, colours_ = 0;
  Field red_, green_, blue_, alpha_;
  Palette palette_;
};

}  // namespace

std::unique_ptr<Decoder> open_bmp(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Bmp>(data, size);
}

}  // namespace image
