#include <webp/decode.h>
#include <webp/demux.h>

#include <cstring>
#include <new>

#include "exif.h"
#include "rows.h"
#include "webp_lossless.h"

namespace image {
namespace {

class Webp final : public Decoder {
 public:
  Webp(const uint8_t *data, size_t size) : Decoder("WebP"), data_{data, size} {
    // The demuxer alone says whether all of the file is there.
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    WebPDemuxer *demux = WebPDemuxPartial(&data_, &state);
    if (state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER) {
      WebPDemuxDelete(demux);
      truncated();
    }
    if (!demux || state != WEBP_DEMUX_DONE) {
      WebPDemuxDelete(demux);
      damaged("its chunks are damaged");
    }
    const int64_t height = WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT),
                  width = WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH);
    const uint32_t flags = WebPDemuxGetI(demux, WEBP_FF_FORMAT_FLAGS);
    animated_ = flags & ANIMATION_FLAG;
    WebPChunkIterator chunk{};
    if ((flags & EXIF_FLAG) && WebPDemuxGetChunk(demux, "EXIF", 1, &chunk))
      orientation_ = exif_orientation(chunk.chunk.bytes, chunk.chunk.size).value_or(1);
    WebPDemuxReleaseChunkIterator(&chunk);
    WebPIterator first{};
    if (WebPDemuxGetFrame(demux, 1, &first))
      first_ = {first.fragment.bytes, first.fragment.size, first.height, first.width};
    WebPDemuxReleaseIterator(&first);
    WebPDemuxDelete(demux);
    set_size(height, width);
    WebPBitstreamFeatures features;
    if (!animated_ && WebPGetFeatures(data, size, &features) != VP8_STATUS_OK) damaged("its header is damaged");
    constexpr int lossless = 2;
    wide_ = !animated_ && (features.has_alpha || features.format == lossless);
  }

  void read(Context &context, Mode mode, const Rect &, Canvas out) override {
    const size_t pixels = size_t(height_) * size_t(width_);
    if (animated_) return read_frame(context, mode, out);
    if (mode == Mode::RGB || (mode == Mode::RGBA)) {
      const Charge work(context, pixels * (wide_ ? 5 : 2)), tables(context, table_bytes(context));
      WebPDecoderConfig config;
      WebPInitDecoderConfig(&config);
      config.output.colorspace = mode == Mode::RGB ? MODE_RGB : MODE_RGBA;
      config.output.is_external_memory = 1;
      config.output.u.RGBA = {out.data, int(out.stride), size_t(out.stride) * size_t(height_ - 1) + out.row_bytes()};
      const VP8StatusCode status = WebPDecode(data_.bytes, data_.size, &config);
      if (status != VP8_STATUS_OK) failed("its data are damaged");
      return;
    }
    Pixels rgb(context, Shape{height_, width_, 3, Type::u8});
    read(context, Mode::RGB, Rect::whole(out), rgb.canvas);
    convert(rgb.canvas, RowConverter{Native::rgb, mode, nullptr, {}}, out);
  }

 private:
  // libwebp speaks of memory where the alpha channel's header is damaged, and of no reason where a frame fails: memory is
  // short where what it could need cannot be had.
  [[noreturn]] void failed(const char *what) const {
    constexpr size_t each = 8, more = 1 << 20;
    void *const needed = ::operator new(size_t(height_) * size_t(width_) * each + more, std::nothrow);
    ::operator delete(needed);
    if (!needed) throw std::bad_alloc();
    damaged(what);
  }

  size_t table_bytes(Context &context) const {
    return first_.data ? webp_table_bytes(context, first_.data, first_.size, first_.width, first_.height) : 0;
  }

  static void convert(View from, const RowConverter &how, Canvas out) {
    for (int y = 0; y < out.height; ++y) how(from.row(y), out.row(y), out.width);
  }

  // The first frame, on its transparent canvas.
  void read_frame(Context &context, Mode mode, Canvas out) const {
    // Two canvases, and the pixels of the frame, where it is lossless.
    const size_t canvas = size_t(height_) * size_t(width_), frame = size_t(first_.height) * size_t(first_.width);
    const Charge work(context, canvas * 8 + frame * 4), tables(context, table_bytes(context));
    WebPAnimDecoderOptions options;
    WebPAnimDecoderOptionsInit(&options);
    options.color_mode = MODE_RGBA;
    const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
        WebPAnimDecoderNew(&data_, &options), WebPAnimDecoderDelete);
    uint8_t *pixels = nullptr;
    int time = 0;
    if (!decoder || !WebPAnimDecoderGetNext(decoder.get(), &pixels, &time)) failed("its first frame is damaged");
    convert(View(Shape{height_, width_, 4, Type::u8}, pixels), RowConverter{Native::rgba, mode, nullptr, {}}, out);
  }

  struct Frame {
    const uint8_t *data = nullptr;
    size_t size = 0;
    int height = 0, width = 0;
  };
  WebPData data_;
  Frame first_;
  bool animated_ = false;
  bool wide_ = false;  // four bytes a pixel are kept
};

}  // namespace

std::unique_ptr<Decoder> open_webp(Context &, const uint8_t *data, size_t size) {
  return std::make_unique<Webp>(data, size);
}

}  // namespace image
