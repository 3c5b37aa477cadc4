#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "exif.h"
#include "rows.h"

namespace image {
namespace {

struct Source {
  const uint8_t *at;
  size_t left;
  bool ended = false;
  char message[128] = "";
};

// One png_struct over memory. libpng reports errors by longjmp: everything between `run` and the library's calls is
// trivially destructible.
class Session {
 public:
  Session(const uint8_t *data, size_t size) : source_{data, size} {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source_, on_error, [](png_structp, png_const_charp) {});
    if (!png) throw std::bad_alloc();
    info = png_create_info_struct(png);
    if (!info) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~Session() { png_destroy_read_struct(&png, &info, nullptr); }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  void read_header() {
    // What the pixels do not depend on is skipped unread: it can only cost.
    static constexpr const char *skipped[] = {"bKGD", "cHRM", "eXIf", "gAMA", "hIST", "iCCP", "iTXt", "oFFs", "pCAL",
                                              "pHYs", "sBIT", "sCAL", "sPLT", "sRGB", "tEXt", "tIME", "zTXt"};
    png_byte names[sizeof skipped / sizeof *skipped * 5] = {};
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; ++i) std::memcpy(names + i * 5, skipped[i], 5);
    run([&] {
      png_set_read_fn(png, &source_, on_read);
      png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // open_png has the check, with a better message
      png_set_chunk_malloc_max(png, 1 << 23);
      png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, int(sizeof skipped / sizeof *skipped));
      png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_ALWAYS, reinterpret_cast<png_const_bytep>("tRNS"), 1);
      png_read_info(png, info);
    });
  }

  // f: calls into the library, with trivially destructible locals only.
  template <class F>
  void run(F &&f) {
    if (setjmp(png_jmpbuf(png))) fail();
    f();
  }

  png_structp png = nullptr;
  png_infop info = nullptr;

 private:
  static void on_error(png_structp p, png_const_charp message) {
    auto *source = static_cast<Source *>(png_get_error_ptr(p));
    std::strncpy(source->message, message, sizeof source->message - 1);
    png_longjmp(p, 1);
  }
  static void on_read(png_structp p, png_bytep to, size_t count) {
    auto *source = static_cast<Source *>(png_get_io_ptr(p));
    if (count > source->left) {
      source->ended = true;
      png_error(p, "end of file");
    }
    std::memcpy(to, source->at, count);
    source->at += count;
    source->left -= count;
  }
  [[noreturn]] void fail() {
    if (source_.ended) bad_input("the PNG is truncated");
    for (const char *shortage : {"ut of memory", "nsufficient memory"}) {
      if (std::strstr(source_.message, shortage) != nullptr) throw std::bad_alloc();
    }
    bad_input(std::string("the PNG cannot be read: ") + source_.message);
  }
  Source source_;
};

class Png final : public Decoder {
 public:
  Png(const uint8_t *data, size_t size) : Decoder("PNG"), data_(data), size_(size) {
    Session session(data, size);
    session.read_header();
    set_size(png_get_image_height(session.png, session.info), png_get_image_width(session.png, session.info));
    // Deflate cannot shrink more than 1032 times.
    const size_t row = png_get_rowbytes(session.png, session.info);
    if (row * size_t(height_) / 1032 > size) truncated();
    orientation_ = png_orientation(data, size);
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    Session session(data_, size_);
    session.read_header();
    Palette palette;
    RowConverter convert;
    convert.to = mode;
    convert.palette = &palette;
    const bool interlaced = png_get_interlace_type(session.png, session.info) != PNG_INTERLACE_NONE;
    set_up(session, convert, palette);
    if (interlaced) return read_interlaced(context, session, convert, out);
    const size_t row_bytes = png_get_rowbytes(session.png, session.info);
    const bool direct = convert.copies();
    std::shared_ptr<uint8_t> row = context.allocate(row_bytes);
    for (int y = 0; y < height_; ++y) {
      if (y % 64 == 0) context.poll();
      session.run([&] { png_read_row(session.png, direct ? out.row(y) : row.get(), nullptr); });
      if (!direct) convert(row.get(), out.row(y), width_);
    }
  }

 private:
  // Rows then come as `convert.from`.
  void set_up(Session &session, RowConverter &convert, Palette &palette) const {
    png_structp png = session.png;
    png_infop info = session.info;
    const int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    convert.from = native(type, depth);
    session.run([&] {
      if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
      if (type == PNG_COLOR_TYPE_PALETTE && depth < 8) png_set_packing(png);
      if (depth == 16 && convert.from != Native::grey16) png_set_strip_16(png);
      if (convert.from == Native::grey16) png_set_swap(png);
      png_set_interlace_handling(png);
      png_read_update_info(png, info);
    });
    png_colorp colours = nullptr;
    int count = 0;
    if (type == PNG_COLOR_TYPE_PALETTE && png_get_PLTE(png, info, &colours, &count))
      for (int i = 0; i < count && i < 256; ++i)
        palette.colours[size_t(i)] = {colours[i].red, colours[i].green, colours[i].blue, 255};
    set_transparency(session, type, convert, palette);
  }

  // The chunk as it stands: libpng drops one that has more alphas than the palette has colours.
  static void set_transparency(Session &session, int type, RowConverter &convert, Palette &palette) {
    png_unknown_chunkp kept = nullptr;
    const int count = png_get_unknown_chunks(session.png, session.info, &kept);
    if (count < 1) return;
    kept += count - 1;  // the last one, as in Pillow
    const png_bytep bytes = kept->data;
    if (type == PNG_COLOR_TYPE_PALETTE)
      for (size_t i = 0; i < kept->size && i < 256; ++i) palette.colours[i][3] = bytes[i];
    if (type == PNG_COLOR_TYPE_GRAY && kept->size >= 2) convert.transparent = {bytes[1], bytes[1], bytes[1]};
    if (type == PNG_COLOR_TYPE_RGB && kept->size >= 6) convert.transparent = {bytes[1], bytes[3], bytes[5]};
  }

  static Native native(int type, int depth) {
    switch (type) {
      case PNG_COLOR_TYPE_GRAY: return depth == 16 ? Native::grey16 : Native::grey;
      case PNG_COLOR_TYPE_GRAY_ALPHA: return Native::grey_alpha;
      case PNG_COLOR_TYPE_PALETTE: return Native::palette;
      case PNG_COLOR_TYPE_RGB: return Native::rgb;
      default: return Native::rgba;
    }
  }

  // Adam7 fills the image in seven passes: all rows are needed at once.
  void read_interlaced(Context &context, Session &session, const RowConverter &convert, Canvas out) const {
    const size_t row_bytes = png_get_rowbytes(session.png, session.info);
    std::shared_ptr<uint8_t> all = context.allocate(row_bytes * size_t(height_));
    for (int pass = 0; pass < 7; ++pass)
      for (int y = 0; y < height_; ++y) {
        if (y % 64 == 0) context.poll();
        session.run([&] { png_read_row(session.png, all.get() + size_t(y) * row_bytes, nullptr); });
      }
    for (int y = 0; y < height_; ++y) convert(all.get() + size_t(y) * row_bytes, out.row(y), width_);
  }

  const uint8_t *data_;
  size_t size_;
};

}  // namespace

std::unique_ptr<Decoder> open_png(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Png>(data, size);
}

}  // namespace image
