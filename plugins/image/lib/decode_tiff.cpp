#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include "rows.h"

namespace image {
namespace {

struct Source {
  const uint8_t *data;
  size_t size;
  uint64_t at = 0;
  std::string message;
};

// One TIFF* over memory, with its own error handler (libtiff's global ones stay as they are).
class Session {
 public:
  Session(const uint8_t *data, size_t size) : source_{data, size, 0, {}} {
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                   TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 31);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, nullptr);
    // m: nothing to map, the bytes are here. The first directory alone is read.
    tiff = TIFFClientOpenExt("image", "rm", &source_, on_read, on_write, on_seek, on_close, on_size, nullptr, nullptr,
                             options.get());
    if (!tiff) fail();
  }
  ~Session() { TIFFClose(tiff); }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  template <class T>
  T field(uint32_t tag, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
  }
  [[noreturn]] void fail() const {
    bad_input("the TIFF cannot be read" + (source_.message.empty() ? std::string() : ": " + source_.message));
  }
  TIFF *tiff = nullptr;

 private:
  static int on_error(TIFF *, void *user, const char *, const char *format, va_list args) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, args);
    auto *source = static_cast<Source *>(user);
    if (source->message.empty()) source->message = text;
    return 1;
  }
  static int on_warning(TIFF *, void *, const char *, const char *, va_list) { return 1; }
  static tmsize_t on_read(thandle_t h, void *to, tmsize_t count) {
    auto *s = static_cast<Source *>(h);
    if (s->at >= s->size || count <= 0) return 0;
    const size_t n = std::min<size_t>(size_t(count), s->size - s->at);
    std::memcpy(to, s->data + s->at, n);
    s->at += n;
    return tmsize_t(n);
  }
  static tmsize_t on_write(thandle_t, void *, tmsize_t) { return 0; }
  static toff_t on_seek(thandle_t h, toff_t offset, int whence) {
    auto *s = static_cast<Source *>(h);
    s->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? s->at + offset : s->size + offset;
    return s->at;
  }
  static int on_close(thandle_t) { return 0; }
  static toff_t on_size(thandle_t h) { return static_cast<Source *>(h)->size; }
  Source source_;
};

class Tiff final : public Decoder {
 public:
  Tiff(const uint8_t *data, size_t size) : Decoder("TIFF"), data_(data), size_(size) {
    const Session session(data, size);
    set_size(session.field<uint32_t>(TIFFTAG_IMAGELENGTH, 0), session.field<uint32_t>(TIFFTAG_IMAGEWIDTH, 0));
    layout_ = layout(session);
    const int o = session.field<uint16_t>(TIFFTAG_ORIENTATION, 1);
    orientation_ = o >= 1 && o <= 8 ? o : 1;
  }

  bool always_oriented() const override { return true; }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    Session session(data_, size_);
    if (session.field<uint16_t>(TIFFTAG_PHOTOMETRIC, 0) == PHOTOMETRIC_YCBCR)
      TIFFSetField(session.tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    Palette palette;
    if (layout_.native == Native::palette) read_palette(session, palette);
    const RowConverter convert{layout_.native, mode, &palette, {}};
    const bool tiled = TIFFIsTiled(session.tiff);
    Block block;
    block.height = int(std::min<uint32_t>(
        uint32_t(height_), session.field<uint32_t>(tiled ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, 0xffffffff)));
    block.width =
        tiled ? int(std::min<uint32_t>(session.field<uint32_t>(TIFFTAG_TILEWIDTH, 0), uint32_t{max_side})) : width_;
    if (block.height < 1 || block.width < 1) damaged("a strip or tile is empty");
    const tmsize_t bytes = tiled ? TIFFTileSize(session.tiff) : TIFFStripSize(session.tiff);
    const tmsize_t row = tiled ? TIFFTileRowSize(session.tiff) : TIFFScanlineSize(session.tiff);
    if (bytes < 1 || row < 1 || bytes / block.height < row) session.fail();
    block.bytes = size_t(bytes);
    block.row = size_t(row);
    block.tiled = tiled;
    check_row(block);
    read_blocks(context, session, block, convert, out);
  }

 private:
  struct Layout {
    Native native = Native::rgb;
    int bits = 8;
    int samples = 3;  // in the file
    bool inverted = false;
    bool planar = false;  // each sample in a plane of its own
  };
  struct Block {  // a strip or tile
    int height = 0, width = 0;
    size_t bytes = 0, row = 0;
    bool tiled = false;
  };

  // The kinds that Pillow knows, but for the exotic ones.
  Layout layout(const Session &session) const {
    Layout l;
    l.bits = session.field<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    l.samples = session.field<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    l.planar = session.field<uint16_t>(TIFFTAG_PLANARCONFIG, 1) == PLANARCONFIG_SEPARATE && l.samples > 1;
    const uint16_t photometric = session.field<uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    const uint16_t format = session.field<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    const bool bytes = l.bits == 8 || l.bits == 16;
    uint16_t extras = 0, *extra = nullptr;
    TIFFGetFieldDefaulted(session.tiff, TIFFTAG_EXTRASAMPLES, &extras, &extra);
    const bool small = l.bits == 1 || l.bits == 2 || l.bits == 4 || l.bits == 8;
    bool known = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
    if (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE) {
      // Pillow does not invert 16 bits.
      l.inverted = photometric == PHOTOMETRIC_MINISWHITE && l.bits <= 8;
      l.native = l.samples == 2 ? Native::grey_alpha : l.bits == 16 ? Native::grey16 : Native::grey;
      known = known && (l.samples == 1 ? small || l.bits == 16 : l.samples == 2 && l.bits == 8 && !l.inverted);
    } else if (photometric == PHOTOMETRIC_PALETTE) {
      l.native = Native::palette;
      known = known && l.samples == 1 && small;
    } else if (photometric == PHOTOMETRIC_RGB) {
      const uint16_t kind = extras ? extra[0] : uint16_t{EXTRASAMPLE_UNASSALPHA};
      l.native = l.samples == 3                    ? Native::rgb
                 : kind == EXTRASAMPLE_ASSOCALPHA  ? Native::rgba_premultiplied
                 : kind == EXTRASAMPLE_UNSPECIFIED ? Native::rgb
                                                   : Native::rgba;
      known = known && bytes && l.samples >= 3 && l.samples <= 6;
    } else if (photometric == PHOTOMETRIC_SEPARATED) {
      l.native = Native::cmyk;
      known = known && bytes && l.samples >= 4 && l.samples <= 6;
    } else {
      // Only JPEG inside: libtiff gives RGB then.
      known = known && photometric == PHOTOMETRIC_YCBCR && l.bits == 8 && l.samples == 3 &&
              session.field<uint16_t>(TIFFTAG_COMPRESSION, 1) == COMPRESSION_JPEG;
    }
    if (!known)
      damaged("its kind of pixels is not known (photometric " + std::to_string(photometric) + ", " +
              std::to_string(l.samples) + " samples of " + std::to_string(l.bits) + " bits)");
    return l;
  }

  static void read_palette(const Session &session, Palette &palette) {
    uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (!TIFFGetField(session.tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) session.fail();
    const size_t count = size_t{1} << session.field<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    for (size_t i = 0; i < std::min<size_t>(count, 256); ++i)
      palette.colours[i] = {uint8_t(red[i] / 256), uint8_t(green[i] / 256), uint8_t(blue[i] / 256), 255};
  }

  int samples_in_block() const { return layout_.planar ? 1 : layout_.samples; }

  void check_row(const Block &block) const {
    const size_t bits = size_t(block.width) * size_t(samples_in_block()) * size_t(layout_.bits);
    if (block.row < (bits + 7) / 8) damaged("its rows are shorter than its width");
  }

  void read_blocks(Context &context, Session &session, const Block &block, const RowConverter &convert,
                   Canvas out) const {
    const int planes = layout_.planar ? layout_.samples : 1;
    const int native = native_bytes(layout_.native);
    // libtiff allocates as much again for the encoded bytes.
    const Charge work(context, block.bytes);
    const std::shared_ptr<uint8_t> raw = context.allocate(block.bytes);
    const size_t pixel_row = size_t(block.width) * size_t(native);
    const std::shared_ptr<uint8_t> pixels = context.allocate(pixel_row * size_t(block.height));
    for (int top = 0; top < height_; top += block.height) {
      const int rows = std::min(block.height, height_ - top);
      for (int left = 0; left < width_; left += block.width) {
        context.poll();
        for (int plane = 0; plane < planes; ++plane) {
          load(session, block, top, left, rows, plane, raw.get());
          for (int y = 0; y < rows; ++y)
            unpack(raw.get() + size_t(y) * block.row, block.width, plane, pixels.get() + size_t(y) * pixel_row);
        }
        for (int y = 0; y < rows; ++y)
          convert(pixels.get() + size_t(y) * pixel_row, out.pixel(top + y, left), std::min(block.width, width_ - left));
      }
    }
  }

  static void load(Session &session, const Block &block, int top, int left, int rows, int plane, uint8_t *to) {
    tmsize_t got;
    tmsize_t want = tmsize_t(block.bytes);
    if (block.tiled) {
      const uint32_t tile = TIFFComputeTile(session.tiff, uint32_t(left), uint32_t(top), 0, uint16_t(plane));
      got = TIFFReadEncodedTile(session.tiff, tile, to, want);
    } else {
      want = tmsize_t(block.row) * rows;
      const uint32_t strip = TIFFComputeStrip(session.tiff, uint32_t(top), uint16_t(plane));
      got = TIFFReadEncodedStrip(session.tiff, strip, to, want);
    }
    if (got < want) session.fail();
  }

  // One row of one plane (or of all samples) into native pixels.
  void unpack(const uint8_t *in, int width, int plane, uint8_t *out) const {
    const int native = native_bytes(layout_.native);
    if (layout_.native == Native::grey16) {
      std::memcpy(out, in, size_t(width) * 2);
      return;
    }
    if (layout_.bits < 8) return unpack_bits(in, width, out);
    const int size = layout_.bits / 8, samples = samples_in_block();
    const int high = size - 1;  // 16-bit samples are in native order: the high byte is the second one
    const int take = layout_.planar ? 1 : native;
    if (layout_.planar && plane >= native) return;
    for (int x = 0; x < width; ++x)
      for (int s = 0; s < take; ++s) {
        const uint8_t v = in[(x * samples + s) * size + high];
        out[x * native + s + plane] = layout_.inverted ? uint8_t(~v) : v;
      }
  }

  void unpack_bits(const uint8_t *in, int width, uint8_t *out) const {
    const int bits = layout_.bits, in_byte = 8 / bits, mask = (1 << bits) - 1;
    const int scale = layout_.native == Native::palette ? 1 : 255 / mask;
    for (int x = 0; x < width; ++x) {
      const int v = (in[x / in_byte] >> ((in_byte - 1 - x % in_byte) * bits) & mask) * scale;
      out[x] = uint8_t(layout_.inverted ? ~v : v);
    }
  }

  const uint8_t *data_;
  size_t size_;
  Layout layout_;
};

}  // namespace

std::unique_ptr<Decoder> open_tiff(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Tiff>(data, size);
}

}  // namespace image
