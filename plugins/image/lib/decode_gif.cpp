// GIF: a screen, its palette, blocks; the pixels of a frame are LZW-coded indices. giflib refuses code sizes that other
// readers take, and files without their last bytes.
#include <algorithm>
#include <vector>

#include "lzw.h"
#include "rows.h"

namespace image {
namespace {

class Gif final : public Decoder {
 public:
  Gif(const uint8_t *data, size_t size) : Decoder("GIF"), data_(data), size_(size) {
    need(0, 13);
    if (data_[10] & 0x80) read_palette(13, data_[10]);
    find_frame(13 + palette_bytes(data_[10]));
    // As Pillow: a frame that reaches beyond the screen enlarges it.
    set_size(std::max(u16(8), frame_.bottom()), std::max(u16(6), frame_.right()));
    check_size("the GIF's first frame", frame_.height, frame_.width, Error::Code::input);
    // A code of 12 bits stands for at most 4096 pixels.
    if (int64_t{frame_.height} * frame_.width / 2732 > int64_t(std::min<size_t>(size, size_t{1} << 40))) truncated();
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    const RowConverter convert{Native::palette, mode, &palette_, {}};
    fill_border(convert, out);
    GifLzw codes(data_ + pixels_at_, size_ - pixels_at_);
    const std::shared_ptr<uint8_t> row = context.allocate(size_t(frame_.width));
    static constexpr int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (int pass = 0; pass < (interlaced_ ? 4 : 1); ++pass)
      for (int y = interlaced_ ? first[pass] : 0; y < frame_.height; y += interlaced_ ? step[pass] : 1) {
        if (y % 64 == 0) context.poll();
        const GifLzw::End end = codes.read(row.get(), frame_.width);
        if (end == GifLzw::End::damaged) damaged("its codes are damaged");
        if (end != GifLzw::End::no) truncated();
        convert(row.get(), out.pixel(frame_.top + y, frame_.left), frame_.width);
      }
  }

 private:
  int u16(size_t at) const { return data_[at] | data_[at + 1] << 8; }
  void need(size_t at, size_t count) const {
    if (at > size_ || size_ - at < count) truncated();
  }
  static size_t palette_bytes(uint8_t flags) { return flags & 0x80 ? size_t{3} << ((flags & 7) + 1) : 0; }

  void read_palette(size_t at, uint8_t flags) {
    const size_t bytes = palette_bytes(flags);
    need(at, bytes);
    for (size_t i = 0; i < bytes / 3; ++i)
      palette_.colours[i] = {data_[at + i * 3], data_[at + i * 3 + 1], data_[at + i * 3 + 2], 255};
  }

  // The first frame's place, palette and transparent index.
  void find_frame(size_t at) {
    for (;;) {
      need(at, 1);
      const uint8_t kind = data_[at++];
      if (kind == ',') return read_frame(at);
      if (kind == ';') damaged("it has no frame");
      if (kind == '!') at = skip_extension(at);
    }
  }

  void read_frame(size_t at) {
    need(at, 9);
    frame_ = {u16(at + 2), u16(at), u16(at + 6), u16(at + 4)};
    const uint8_t flags = data_[at + 8];
    interlaced_ = flags & 0x40;
    pixels_at_ = at + 9 + palette_bytes(flags);
    if (flags & 0x80) {
      palette_ = Palette();
      read_palette(at + 9, flags);
    }
    if (transparent_ >= 0) palette_.colours[size_t(transparent_)][3] = 0;
    need(pixels_at_, 1);
  }

  size_t skip_extension(size_t at) {
    need(at, 2);
    constexpr uint8_t graphic_control = 0xf9;
    if (data_[at] == graphic_control && data_[at + 1] >= 4) {
      need(at, 6);
      if (data_[at + 2] & 1) transparent_ = data_[at + 5];
    }
    for (++at;;) {
      need(at, 1);
      const size_t block = data_[at++];
      if (block == 0) return at;
      need(at, block);
      at += block;
    }
  }

  // The screen around the frame: the transparent index, or 0.
  void fill_border(const RowConverter &convert, Canvas out) const {
    if (frame_ == Rect::whole(out)) return;
    const std::vector<uint8_t> indices(size_t(width_), uint8_t(std::max(0, transparent_)));
    for (int y = 0; y < height_; ++y) convert(indices.data(), out.row(y), width_);
  }

  const uint8_t *data_;
  size_t size_, pixels_at_ = 0;
  Rect frame_;
  bool interlaced_ = false;
  int transparent_ = -1;
  Palette palette_;
};

}  // namespace

std::unique_ptr<Decoder> open_gif(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Gif>(data, size);
}

}  // namespace image
