#include <gif_lib.h>

#include <algorithm>
#include <cstring>

#include "rows.h"

namespace image {
namespace {

struct Source {
  const uint8_t *at;
  size_t left;
};

int read_source(GifFileType *file, GifByteType *to, int count) {
  auto *source = static_cast<Source *>(file->UserData);
  const size_t n = std::min(source->left, size_t(count));
  std::memcpy(to, source->at, n);
  source->at += n;
  source->left -= n;
  return int(n);
}

class Gif final : public Decoder {
 public:
  Gif(const uint8_t *data, size_t size) : Decoder("GIF"), data_(data), size_(size) {
    Source source{data_, size_};
    int transparent = -1;
    const File file = open_frame(source, transparent);
    const GifImageDesc &frame = file->Image;
    // As Pillow: a frame that reaches beyond the screen enlarges it.
    set_size(std::max(file->SHeight, frame.Top + frame.Height), std::max(file->SWidth, frame.Left + frame.Width));
    check_size("the GIF's first frame", frame.Height, frame.Width, Error::Code::input);
    // A code of 12 bits stands for at most 4096 pixels.
    if (int64_t{frame.Height} * frame.Width / 2732 > int64_t(std::min<size_t>(size, size_t{1} << 40))) truncated();
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    Source source{data_, size_};
    int transparent = -1;
    const File file = open_frame(source, transparent);
    const GifImageDesc &frame = file->Image;
    Palette palette;
    if (const ColorMapObject *map = frame.ColorMap ? frame.ColorMap : file->SColorMap)
      for (int i = 0; i < map->ColorCount && i < 256; ++i)
        palette.colours[size_t(i)] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue, 255};
    if (transparent >= 0) palette.colours[size_t(transparent)][3] = 0;
    const RowConverter convert{Native::palette, mode, &palette, {}};

    fill_border(frame, uint8_t(std::max(0, transparent)), convert, out);
    const std::shared_ptr<uint8_t> row = context.allocate(size_t(frame.Width));
    static constexpr int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (int pass = 0; pass < (frame.Interlace ? 4 : 1); ++pass)
      for (int y = frame.Interlace ? first[pass] : 0; y < frame.Height; y += frame.Interlace ? step[pass] : 1) {
        if (y % 64 == 0) context.poll();
        if (DGifGetLine(file.get(), row.get(), frame.Width) != GIF_OK) fail(file->Error);
        convert(row.get(), out.pixel(frame.Top + y, frame.Left), frame.Width);
      }
  }

 private:
  struct Close {
    void operator()(GifFileType *file) const { DGifCloseFile(file, nullptr); }
  };
  using File = std::unique_ptr<GifFileType, Close>;

  [[noreturn]] void fail(int error) const {
    if (error == D_GIF_ERR_READ_FAILED || error == D_GIF_ERR_EOF_TOO_SOON) truncated();
    const char *why = GifErrorString(error);
    damaged(why ? why : "unknown error");
  }

  // Opens the file up to the pixels of its first frame.
  File open_frame(Source &source, int &transparent) const {
    int error = 0;
    File file(DGifOpen(&source, read_source, &error));
    if (!file) fail(error);
    for (;;) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      if (DGifGetRecordType(file.get(), &type) != GIF_OK) fail(file->Error);
      if (type == IMAGE_DESC_RECORD_TYPE) break;
      if (type == TERMINATE_RECORD_TYPE) damaged("it has no frame");
      if (type == EXTENSION_RECORD_TYPE) read_extension(file.get(), transparent);
    }
    if (DGifGetImageDesc(file.get()) != GIF_OK) fail(file->Error);
    return file;
  }

  void read_extension(GifFileType *file, int &transparent) const {
    int code = 0;
    GifByteType *block = nullptr;  // its length, then its bytes
    if (DGifGetExtension(file, &code, &block) != GIF_OK) fail(file->Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && (block[1] & 1)) transparent = block[4];
    while (block)
      if (DGifGetExtensionNext(file, &block) != GIF_OK) fail(file->Error);
  }

  // What the frame does not cover is transparent, or of the palette's first colour.
  void fill_border(const GifImageDesc &frame, uint8_t index, const RowConverter &convert, Canvas out) const {
    if (frame.Width == width_ && frame.Height == height_) return;
    uint8_t pixel[4];
    convert(&index, pixel, 1);
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x) std::memcpy(out.pixel(y, x), pixel, size_t(out.channels));
  }

  const uint8_t *data_;
  size_t size_;
};

}  // namespace

std::unique_ptr<Decoder> open_gif(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Gif>(data, size);
}

}  // namespace image
