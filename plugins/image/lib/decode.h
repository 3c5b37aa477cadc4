// Encoded images to pixels: JPEG, PNG, WebP, BMP, GIF (first frame), TIFF (first page), PNM. The pixels equal those of
// Pillow's Image.open(file).convert(mode) with the same libraries. The size is known, and checked, from the header
// alone; no allocation is larger than what header and length of the file together justify. A file that ends early is an
// error.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "pixels.h"

namespace image {

// L, RGB, RGBA: uint8. I16 ("I;16", values cut to 0 .. 65535) and I: int32; F: float32; these keep more than 8 bits.
enum class Mode { L, RGB, RGBA, I16, I, F };
Mode mode_by_name(std::string_view name);  // Error: argument
int channels_of(Mode);
Type type_of(Mode);

// An opened file: its header was read. The bytes must outlive it. Not for two threads at once.
class Decoder {
 public:
  virtual ~Decoder() = default;
  const char *format() const { return format_; }  // "JPEG"
  int height() const { return height_; }
  int width() const { return width_; }
  // As the EXIF tag numbers them, 1 to 8; 1 where the file does not say. read() does not apply it.
  int orientation() const { return orientation_; }
  // Readers of the format turn the image upright without being asked (TIFF).
  virtual bool always_oriented() const { return false; }

  // The part that has to be decoded to get `wanted`: at least that; the whole where the format knows no parts.
  virtual Rect readable(const Rect &wanted) const;
  // Decodes `part`, which readable() returned, into out, with the mode's type and channels. May be called again.
  virtual void read(Context &, Mode, const Rect &part, Canvas out) = 0;

 protected:
  Decoder(const char *format) : format_(format) {}
  // Checks the size that the header claims.
  void set_size(int64_t height, int64_t width);
  [[noreturn]] void truncated() const;
  [[noreturn]] void damaged(const std::string &how) const;
  const char *format_;
  int height_ = 0, width_ = 0, orientation_ = 1;
};

// Error (input) where the bytes are no image of a known format, or its header is damaged or too large.
std::unique_ptr<Decoder> open_image(Context &, const uint8_t *data, size_t size);

std::unique_ptr<Decoder> open_jpeg(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_png(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_webp(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_bmp(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_gif(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_tiff(Context &, const uint8_t *data, size_t size);
std::unique_ptr<Decoder> open_pnm(Context &, const uint8_t *data, size_t size);

}  // namespace image
