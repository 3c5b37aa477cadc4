#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <exception>

#include <jerror.h>
#include <jpeglib.h>

#include "exif.h"
#include "rows.h"

namespace image {
namespace {

constexpr int max_scans = 200;  // of a progressive file; real ones have about ten

// One jpeg_decompress_struct over memory. libjpeg reports errors by longjmp: everything between `run` and the library's
// calls is trivially destructible.
class Session {
 public:
  // Reads the header. Delegates, so that the destructor runs where that fails.
  Session(Context &context, const uint8_t *data, size_t size) : Session(context) {
    source_.init_source = [](j_decompress_ptr) {};
    source_.term_source = [](j_decompress_ptr) {};
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.fill_input_buffer = [](j_decompress_ptr d) -> boolean {
      d->err->msg_code = JERR_INPUT_EOF;
      d->err->error_exit(reinterpret_cast<j_common_ptr>(d));
      return FALSE;
    };
    source_.skip_input_data = [](j_decompress_ptr d, long count) {
      if (count <= 0) return;
      if (size_t(count) > d->src->bytes_in_buffer) d->src->fill_input_buffer(d);
      d->src->next_input_byte += count;
      d->src->bytes_in_buffer -= size_t(count);
    };
    source_.next_input_byte = data;
    source_.bytes_in_buffer = size;
    info.src = &source_;
    progress_.base.progress_monitor = [](j_common_ptr c) { reinterpret_cast<Progress *>(c->progress)->owner->check(); };
    progress_.owner = this;
    info.progress = &progress_.base;
    run([&] {
      jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
      jpeg_read_header(&info, TRUE);
    });
  }
  ~Session() { jpeg_destroy_decompress(&info); }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  // f: calls into the library, with trivially destructible locals only.
  template <class F>
  void run(F &&f) {
    if (setjmp(errors_.jump)) fail();
    f();
  }

  jpeg_decompress_struct info{};

 private:
  explicit Session(Context &context) : context_(context) {
    info.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = [](j_common_ptr c) { std::longjmp(reinterpret_cast<Errors *>(c->err)->jump, 1); };
    errors_.base.emit_message = [](j_common_ptr, int) {};
    errors_.base.output_message = [](j_common_ptr) {};
    run([&] { jpeg_create_decompress(&info); });
  }

  struct Errors {
    jpeg_error_mgr base;
    std::jmp_buf jump;
  };
  struct Progress {
    jpeg_progress_mgr base;
    Session *owner;
  };

  void check() {
    if (info.input_scan_number > max_scans) stop_ = Stop::scans;
    try {
      context_.poll();
    } catch (...) {
      stop_ = Stop::asked;
      asked_ = std::current_exception();
    }
    if (stop_ != Stop::no) std::longjmp(errors_.jump, 1);
  }

  [[noreturn]] void fail() {
    if (stop_ == Stop::asked) std::rethrow_exception(asked_);
    if (stop_ == Stop::scans) bad_input("the JPEG cannot be read: it has more than 200 scans");
    if (errors_.base.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    if (errors_.base.msg_code == JERR_INPUT_EOF) bad_input("the JPEG is truncated");
    char message[JMSG_LENGTH_MAX];
    errors_.base.format_message(reinterpret_cast<j_common_ptr>(&info), message);
    bad_input(std::string("the JPEG cannot be read: ") + message);
  }

  enum class Stop { no, scans, asked };
  Context &context_;
  Errors errors_{};
  Progress progress_{};
  jpeg_source_mgr source_{};
  Stop stop_ = Stop::no;
  std::exception_ptr asked_;
};

class Jpeg final : public Decoder {
 public:
  Jpeg(Context &context, const uint8_t *data, size_t size) : Decoder("JPEG"), data_(data), size_(size) {
    Session session(context, data, size);
    jpeg_decompress_struct &info = session.info;
    set_size(info.image_height, info.image_width);
    const int components = info.num_components;
    if (components != 1 && components != 3 && components != 4)
      damaged("it has " + std::to_string(components) + " components; wanted 1, 3 or 4");
    // The shortest Huffman code of a block is one bit; arithmetic codes have no such bound.
    if (!info.arith_code && pixels() / 64 > int64_t(std::min<size_t>(size, size_t{1} << 40)) * 8) truncated();
    for (auto *m = info.marker_list; m; m = m->next)
      if (m->data_length >= 6 && std::memcmp(m->data, "Exif\0\0", 6) == 0) {
        orientation_ = exif_orientation(m->data, m->data_length).value_or(1);
        break;
      }
    unit_width_ = info.max_h_samp_factor * DCTSIZE;
    unit_height_ = info.max_v_samp_factor * DCTSIZE;
    whole_ = jpeg_has_multiple_scans(&info) != 0;
  }

  // Upsampling looks one sample of colour around: a unit more on each side that is not the image's own makes the wanted
  // pixels independent of where the part was cut. Files in several scans are decoded whole: their smoothing looks
  // further.
  Rect readable(const Rect &wanted) const override {
    if (whole_) return {0, 0, height_, width_};
    const int left = std::max(0, wanted.left / unit_width_ - 1) * unit_width_;
    const int right = std::min(width_, ((wanted.right() + unit_width_ - 1) / unit_width_ + 1) * unit_width_);
    const int top = std::max(0, wanted.top / unit_height_ - 1) * unit_height_;
    return {top, left, wanted.bottom() - top, right - left};
  }

  void read(Context &context, Mode mode, const Rect &part, Canvas out) override {
    Session session(context, data_, size_);
    jpeg_decompress_struct &info = session.info;
    RowConverter convert;
    convert.to = mode;
    choose_colours(info, mode, convert);
    std::unique_ptr<Charge> coefficients;
    if (whole_) coefficients = std::make_unique<Charge>(context, size_t(pixels()) * size_t(info.num_components) * 2);
    JDIMENSION left = JDIMENSION(part.left), width = JDIMENSION(part.width);
    session.run([&] {
      jpeg_start_decompress(&info);
      if (part.width != width_) jpeg_crop_scanline(&info, &left, &width);
      if (part.top > 0) jpeg_skip_scanlines(&info, JDIMENSION(part.top));
    });
    const size_t skip = size_t(part.left - int(left)) * size_t(native_bytes(convert.from));
    const bool direct = convert.copies() && skip == 0 && int(width) == part.width;
    std::shared_ptr<uint8_t> row = context.allocate(size_t(info.output_width) * size_t(info.output_components));
    const bool inverted = convert.from == Native::cmyk;
    for (int y = 0; y < part.height; ++y) {
      JSAMPROW to = direct ? out.row(y) : row.get();
      session.run([&] { jpeg_read_scanlines(&info, &to, 1); });
      if (direct) continue;
      if (inverted) std::transform(row.get(), row.get() + width * 4, row.get(), [](uint8_t v) { return uint8_t(~v); });
      convert(row.get() + skip, out.row(y), part.width);
    }
    finish(session, part.bottom() == height_);
  }

 private:
  int64_t pixels() const { return int64_t{height_} * width_; }

  static void choose_colours(jpeg_decompress_struct &info, Mode mode, RowConverter &convert) {
    if (info.num_components == 4) {
      info.out_color_space = JCS_CMYK;  // inverted, as Adobe writes it and Pillow reads it
      convert.from = Native::cmyk;
    } else if (info.num_components == 1 && mode != Mode::RGB && mode != Mode::RGBA) {
      info.out_color_space = JCS_GRAYSCALE;
      convert.from = Native::grey;
    } else {
      info.out_color_space = JCS_RGB;
      convert.from = Native::rgb;
    }
  }

  // A file must have its end, also where the rows before it were not wanted.
  void finish(Session &session, bool all_rows) const {
    if (all_rows) {
      session.run([&] { jpeg_finish_decompress(&session.info); });
      return;
    }
    const uint8_t *at = session.info.src->next_input_byte, *end = data_ + size_;
    // Decoding may have met the marker already and keeps it apart.
    if (session.info.unread_marker == JPEG_EOI) return;
    while (at < end && (at = static_cast<const uint8_t *>(std::memchr(at, 0xff, size_t(end - at))))) {
      if (++at == end) break;
      if (*at == JPEG_EOI) return;
    }
    truncated();
  }

  const uint8_t *data_;
  size_t size_;
  int unit_width_ = 8, unit_height_ = 8;
  bool whole_ = false;
};

}  // namespace

std::unique_ptr<Decoder> open_jpeg(Context &context, const uint8_t *data, size_t size) {
  return std::make_unique<Jpeg>(context, data, size);
}

}  // namespace image
