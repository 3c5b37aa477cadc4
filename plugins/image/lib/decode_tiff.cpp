#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <vector>

#include "exif.h"
#include "lab.h"
#include "rows.h"
#include "tiff_session.h"
#include "webp_lossless.h"

namespace image {
namespace {

class Tiff final : public Decoder {
 public:
  Tiff(const uint8_t *data, size_t size) : Decoder("TIFF"), data_(data), size_(size) {
    const TiffSession session(data, size);
    // libjbig aborts the process where it gets no memory, of which some bytes can ask for any amount. Nor does Pillow read it.
    if (session.field<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE) == COMPRESSION_JBIG)
      damaged("it is compressed by JBIG, which is not read");
    set_size(session.field<uint32_t>(TIFFTAG_IMAGELENGTH, 0), session.field<uint32_t>(TIFFTAG_IMAGEWIDTH, 0));
    layout_ = layout(session);
    check_length(session);
    orientation_ = orientation(session);
  }

  bool always_oriented() const override { return true; }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    TiffSession session(data_, size_);
    if (layout_.native == Native::rgb && session.field<uint16_t>(TIFFTAG_PHOTOMETRIC, 0) == PHOTOMETRIC_YCBCR)
      TIFFSetField(session.tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    Palette palette;
    if (layout_.native == Native::palette || layout_.native == Native::palette_alpha) read_palette(session, palette);
    const RowConverter convert{layout_.native, mode, &palette, {}};
    const Block block = block_of(session);
    if (layout_.by_library) return read_by_library(context, session, block, convert, out);
    check_row(block);
    read_blocks(context, session, block, convert, out);
  }

 private:
  struct Layout {
    Native native = Native::rgb;
    int bits = 8;
    int samples = 3;  // in the file
    uint16_t format = SAMPLEFORMAT_UINT;
    bool inverted = false;
    bool planar = false;      // each sample in a plane of its own
    bool by_library = false;  // libtiff makes RGB of it
    bool lab = false;         // made RGB row by row
  };
  struct Block {  // a strip or tile
    int height = 0, width = 0;
    size_t bytes = 0, row = 0;
    bool tiled = false;
  };

  // Of every type of numbers, where libtiff reads SHORT alone; its own reading of BigTIFF, which EXIF's is not.
  int orientation(const TiffSession &session) const {
    if (!is_big_tiff()) return exif_orientation(data_, size_).value_or(1);
    const int o = session.field<uint16_t>(TIFFTAG_ORIENTATION, 1);
    return o >= 1 && o <= 8 ? o : 1;
  }

  bool is_big_tiff() const { return data_[2] == '+' || data_[3] == '+'; }

  // The kinds that Pillow knows, and those of alpha that it refuses.
  Layout layout(const TiffSession &session) const {
    Layout l;
    l.bits = session.field<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    l.samples = session.field<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    l.planar = session.field<uint16_t>(TIFFTAG_PLANARCONFIG, 1) == PLANARCONFIG_SEPARATE && l.samples > 1;
    l.format = session.field<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    if (l.format == SAMPLEFORMAT_VOID) l.format = SAMPLEFORMAT_UINT;
    const uint16_t photometric = session.field<uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    if (!choose(session, photometric, l)) unknown(photometric, l);
    if (photometric != PHOTOMETRIC_PALETTE && stored_photometric(session) == PHOTOMETRIC_PALETTE)
      damaged("its palette is missing");
    return l;
  }

  static bool choose(const TiffSession &session, uint16_t photometric, Layout &l) {
    const bool plain = l.format == SAMPLEFORMAT_UINT, bytes = plain && (l.bits == 8 || l.bits == 16);
    switch (photometric) {
      case PHOTOMETRIC_MINISBLACK:
      case PHOTOMETRIC_MINISWHITE: return choose_grey(session, photometric == PHOTOMETRIC_MINISWHITE, l);
      case PHOTOMETRIC_PALETTE:
        l.native =
            l.samples == 2 && extra(session) != EXTRASAMPLE_UNSPECIFIED ? Native::palette_alpha : Native::palette;
        return plain && (l.samples == 2 ? l.bits == 8 : l.samples == 1 && is_small(l.bits));
      case PHOTOMETRIC_RGB:
        l.native = l.samples == 3 ? Native::rgb : with_fourth(session);
        return bytes && l.samples >= 3 && l.samples <= 6;
      case PHOTOMETRIC_SEPARATED: {
        const bool alpha = l.samples > 4 && extra(session) == EXTRASAMPLE_UNASSALPHA;
        l.native = alpha ? Native::cmyk_alpha : Native::cmyk;
        return bytes && l.samples >= 4 && l.samples <= 6 &&
               (l.samples == 4 || extra(session) != EXTRASAMPLE_ASSOCALPHA);
      }
      case PHOTOMETRIC_YCBCR: {
        // A JPEG inside gives RGB row by row.
        const bool jpeg = session.field<uint16_t>(TIFFTAG_COMPRESSION, 1) == COMPRESSION_JPEG && !l.planar;
        l.by_library = !jpeg;
        l.native = jpeg ? Native::rgb : Native::rgba;
        return plain && l.bits == 8 && l.samples == 3;
      }
      case PHOTOMETRIC_CIELAB: l.lab = true; return plain && l.bits == 8 && l.samples == 3;
      default: return false;
    }
  }

  // As the file has it: libtiff takes a palette whose colours it does not find for grey, and says nothing.
  uint64_t stored_photometric(const TiffSession &session) const {
    const bool big_endian = TIFFIsBigEndian(session.tiff) != 0;
    const auto number = [&](uint64_t at, size_t bytes) {
      uint64_t n = 0;
      for (size_t i = 0; i < bytes && at + i < size_; ++i)
        n |= uint64_t(data_[at + i]) << 8 * (big_endian ? bytes - 1 - i : i);
      return n;
    };
    const bool wide = is_big_tiff();
    const uint64_t head = wide ? 8 : 2, entry = wide ? 20 : 12, value = wide ? 12 : 8;
    const uint64_t directory = TIFFCurrentDirOffset(session.tiff);
    const uint64_t count = std::min<uint64_t>(number(directory, head), size_ / entry);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t at = directory + head + i * entry;
      if (number(at, 2) == TIFFTAG_PHOTOMETRIC) return number(at + value, 2);
    }
    return PHOTOMETRIC_MINISWHITE;
  }

  static bool is_small(int bits) { return bits == 1 || bits == 2 || bits == 4 || bits == 8; }

  static bool choose_grey(const TiffSession &session, bool white_is_zero, Layout &l) {
    // Pillow does not invert more than 8 bits.
    l.inverted = white_is_zero && l.bits <= 8;
    if (l.samples == 2) {
      const uint16_t second = extra(session);
      l.native = second == EXTRASAMPLE_ASSOCALPHA    ? Native::grey_alpha_premultiplied
                 : second == EXTRASAMPLE_UNSPECIFIED ? Native::grey
                                                     : Native::grey_alpha;
      const bool wide = l.bits == 16 && l.native != Native::grey;
      return l.format == SAMPLEFORMAT_UINT && (l.bits == 8 || wide) && !white_is_zero;
    }
    const bool wide = l.bits == 12 || l.bits == 16;
    if (l.format == SAMPLEFORMAT_IEEEFP)
      l.native = Native::real;
    else if (l.format == SAMPLEFORMAT_INT || l.bits == 32)
      l.native = Native::grey32;
    else
      l.native = wide ? Native::grey16 : Native::grey;
    if (l.samples != 1) return false;
    if (l.format == SAMPLEFORMAT_UINT) return is_small(l.bits) || wide || l.bits == 32;
    if (l.format == SAMPLEFORMAT_INT) return l.bits == 16 || l.bits == 32;
    return l.format == SAMPLEFORMAT_IEEEFP && (l.bits == 32 || l.bits == 64);
  }

  // What the first sample behind the colours is: alpha, unless the file says otherwise.
  static uint16_t extra(const TiffSession &session) {
    uint16_t count = 0, *kinds = nullptr;
    // Not TIFFGetFieldDefaulted: where the file has no such tag libtiff makes one up.
    const bool said = TIFFGetField(session.tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) && count > 0;
    return said ? kinds[0] : uint16_t{EXTRASAMPLE_UNASSALPHA};
  }

  static Native with_fourth(const TiffSession &session) {
    switch (extra(session)) {
      case EXTRASAMPLE_ASSOCALPHA: return Native::rgba_premultiplied;
      case EXTRASAMPLE_UNSPECIFIED: return Native::rgb;
      default: return Native::rgba;
    }
  }

  [[noreturn]] void unknown(uint16_t photometric, const Layout &l) const {
    static constexpr const char *formats[] = {"", "unsigned", "signed", "float", "void", "complex", "complex float"};
    const char *format = l.format < std::size(formats) ? formats[l.format] : "unknown";
    const bool lab =
        photometric == PHOTOMETRIC_CIELAB || photometric == PHOTOMETRIC_ICCLAB || photometric == PHOTOMETRIC_ITULAB;
    damaged("its kind of pixels is not known (" + std::string(lab ? "CIE L*a*b*, " : "") + "photometric " +
            std::to_string(photometric) + ", " + std::to_string(l.samples) + " " + format + " samples of " +
            std::to_string(l.bits) + " bits)");
  }

  // No more pixels than the file's bytes can hold, where its compression has a bound.
  void check_length(const TiffSession &session) const {
    size_t most = 0;
    switch (session.field<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE)) {
      case COMPRESSION_NONE: most = 1; break;
      case COMPRESSION_PACKBITS: most = 64; break;
      case COMPRESSION_LZW: most = 2732; break;
      case COMPRESSION_DEFLATE:
      case COMPRESSION_ADOBE_DEFLATE: most = 1032; break;
      default: return;
    }
    const bool subsampled = layout_.by_library;
    const size_t bits = size_t(subsampled ? 1 : layout_.samples) * size_t(layout_.bits);
    const size_t bytes = (size_t(width_) * bits + 7) / 8 * size_t(height_);
    if (bytes / most > size_) truncated();
  }

  Block block_of(const TiffSession &session) const {
    Block block;
    block.tiled = TIFFIsTiled(session.tiff);
    block.height = int(std::min<uint32_t>(
        uint32_t(height_),
        session.field<uint32_t>(block.tiled ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, 0xffffffff)));
    block.width = block.tiled
                      ? int(std::min<uint32_t>(session.field<uint32_t>(TIFFTAG_TILEWIDTH, 0), uint32_t{max_side}))
                      : width_;
    if (block.height < 1 || block.width < 1) damaged("a strip or tile is empty");
    const tmsize_t bytes = block.tiled ? TIFFTileSize(session.tiff) : TIFFStripSize(session.tiff);
    const tmsize_t row = block.tiled ? TIFFTileRowSize(session.tiff) : TIFFScanlineSize(session.tiff);
    if (bytes < 1 || row < 1) session.fail();
    if (!layout_.by_library && bytes / block.height < row) session.fail();
    block.bytes = size_t(bytes);
    block.row = size_t(row);
    return block;
  }

  // Subsampled colours, and JPEG of the old style, by libtiff's own conversion to RGB.
  void read_by_library(Context &context, TiffSession &session, const Block &block, const RowConverter &convert,
                       Canvas out) const {
    struct Rgba {
      TIFFRGBAImage image{};
      ~Rgba() { TIFFRGBAImageEnd(&image); }
    } rgba;
    char message[1024] = "";
    if (!TIFFRGBAImageOK(session.tiff, message) || !TIFFRGBAImageBegin(&rgba.image, session.tiff, 1, message))
      damaged(message);
    rgba.image.req_orientation = rgba.image.orientation;
    const Charge work(context, block.bytes);
    const std::shared_ptr<uint8_t> memory = context.allocate(size_t(width_) * size_t(block.height) * 4);
    auto *raster = reinterpret_cast<uint32_t *>(memory.get());
    for (int top = 0; top < height_; top += block.height) {
      context.poll();
      const int rows = std::min(block.height, height_ - top);
      rgba.image.row_offset = top;
      if (!TIFFRGBAImageGet(&rgba.image, raster, uint32_t(width_), uint32_t(rows))) session.fail();
      for (int y = 0; y < rows; ++y) {
        uint8_t *row = memory.get() + size_t(y) * size_t(width_) * 4;
        for (int x = 0; x < width_; ++x) {
          uint32_t v;
          std::memcpy(&v, row + x * 4, 4);
          const uint8_t p[4] = {uint8_t(TIFFGetR(v)), uint8_t(TIFFGetG(v)), uint8_t(TIFFGetB(v)), 255};
          std::memcpy(row + x * 4, p, 4);
        }
        convert(row, out.row(top + y), width_);
      }
    }
  }

  static void read_palette(const TiffSession &session, Palette &palette) {
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

  void read_blocks(Context &context, TiffSession &session, const Block &block, const RowConverter &convert,
                   Canvas out) const {
    const int planes = layout_.planar ? layout_.samples : 1;
    const int native = native_bytes(layout_.native);
    // libtiff allocates as much again for the encoded bytes.
    const Charge work(context, block.bytes);
    const std::shared_ptr<uint8_t> raw = context.allocate(block.bytes);
    const size_t pixel_row = size_t(block.width) * size_t(native);
    const std::optional<LabToRgb> to_rgb = layout_.lab ? std::make_optional<LabToRgb>() : std::nullopt;
    const std::shared_ptr<uint8_t> pixels = context.allocate(pixel_row * size_t(block.height));
    for (int top = 0; top < height_; top += block.height) {
      const int rows = std::min(block.height, height_ - top);
      for (int left = 0; left < width_; left += block.width) {
        context.poll();
        for (int plane = 0; plane < planes; ++plane) {
          const uint32_t index = index_of(session, block, top, left, plane);
          const Charge codec(context,
                             webp_bytes(context, session, index, block.width, block.tiled ? block.height : rows));
          load(session, block, index, rows, raw.get());
          for (int y = 0; y < rows; ++y)
            unpack(raw.get() + size_t(y) * block.row, block.width, plane, pixels.get() + size_t(y) * pixel_row);
        }
        const int width = std::min(block.width, width_ - left);
        for (int y = 0; y < rows; ++y) {
          uint8_t *row = pixels.get() + size_t(y) * pixel_row;
          if (to_rgb) (*to_rgb)(row, width);
          convert(row, out.pixel(top + y, left), width);
        }
      }
    }
  }

  static uint32_t index_of(const TiffSession &session, const Block &block, int top, int left, int plane) {
    return block.tiled ? TIFFComputeTile(session.tiff, uint32_t(left), uint32_t(top), 0, uint16_t(plane))
                       : TIFFComputeStrip(session.tiff, uint32_t(top), uint16_t(plane));
  }

  // What libwebp takes for a strip or tile that is a WebP.
  size_t webp_bytes(Context &context, const TiffSession &session, uint32_t index, int width, int height) const {
    if (session.field<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE) != COMPRESSION_WEBP) return 0;
    uint64_t at = TIFFGetStrileOffset(session.tiff, index), bytes = TIFFGetStrileByteCount(session.tiff, index);
    constexpr uint64_t head = 12;  // "RIFF", a length, "WEBP"
    if (at > size_ || size_ - at <= head || bytes <= head) return 0;
    bytes = std::min<uint64_t>(bytes, size_ - at);
    if (std::memcmp(data_ + at, "RIFF", 4) == 0) at += head, bytes -= head;
    return size_t(width) * size_t(height) * 5 + webp_table_bytes(context, data_ + at, size_t(bytes), width, height);
  }

  static void load(TiffSession &session, const Block &block, uint32_t index, int rows, uint8_t *to) {
    const tmsize_t want = block.tiled ? tmsize_t(block.bytes) : tmsize_t(block.row) * rows;
    const tmsize_t got = block.tiled ? TIFFReadEncodedTile(session.tiff, index, to, want)
                                     : TIFFReadEncodedStrip(session.tiff, index, to, want);
    if (got < want) session.fail();
  }

  // One row of one plane (or of all samples) into native pixels.
  void unpack(const uint8_t *in, int width, int plane, uint8_t *out) const {
    const int native = native_bytes(layout_.native);
    if (native > 1 &&
        (layout_.native == Native::grey16 || layout_.native == Native::grey32 || layout_.native == Native::real))
      return unpack_wide(in, width, out);
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

  // One sample of more than 8 bits, in native order.
  void unpack_wide(const uint8_t *in, int width, uint8_t *out) const {
    for (int x = 0; x < width; ++x) {
      if (layout_.bits == 12) {
        const uint8_t *p = in + x / 2 * 3;
        const auto v = uint16_t(x % 2 ? (p[1] & 15) << 8 | p[2] : p[0] << 4 | p[1] >> 4);
        std::memcpy(out + x * 2, &v, 2);
      } else if (layout_.bits == 64) {
        double v;
        std::memcpy(&v, in + x * 8, 8);
        const auto f = float(v);
        std::memcpy(out + x * 4, &f, 4);
      } else if (layout_.native == Native::grey32 && layout_.bits == 16) {
        int16_t v;
        std::memcpy(&v, in + x * 2, 2);
        const int32_t whole = v;
        std::memcpy(out + x * 4, &whole, 4);
      } else {
        return void(std::memcpy(out, in, size_t(width) * size_t(native_bytes(layout_.native))));
      }
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
