#include "decode.h"

#include <cstring>

namespace image {

Mode mode_by_name(std::string_view name) {
  if (name == "L") return Mode::L;
  if (name == "RGB") return Mode::RGB;
  if (name == "RGBA") return Mode::RGBA;
  bad_argument("mode is \"" + std::string(name.substr(0, 40)) + "\"; wanted RGB, L or RGBA");
}

Rect Decoder::readable(const Rect &) const { return {0, 0, height_, width_}; }

void Decoder::set_size(int64_t height, int64_t width) {
  check_size((std::string("the ") + format_).c_str(), height, width, Error::Code::input);
  height_ = int(height);
  width_ = int(width);
}

void Decoder::truncated() const { bad_input(std::string("the ") + format_ + " is truncated"); }

void Decoder::damaged(const std::string &how) const {
  bad_input(std::string("the ") + format_ + " cannot be read: " + how);
}

std::unique_ptr<Decoder> open_image(Context &context, const uint8_t *data, size_t size) {
  auto begins = [&](std::string_view magic, size_t at = 0) {
    return size >= at + magic.size() && std::memcmp(data + at, magic.data(), magic.size()) == 0;
  };
  using namespace std::string_view_literals;
  if (size == 0) bad_input("the image is empty");
  if (begins("\xff\xd8\xff"sv)) return open_jpeg(context, data, size);
  if (begins("\x89PNG\r\n\x1a\n"sv)) return open_png(context, data, size);
  if (begins("RIFF"sv) && begins("WEBP"sv, 8)) return open_webp(context, data, size);
  if (begins("GIF87a"sv) || begins("GIF89a"sv)) return open_gif(context, data, size);
  if (begins("II*\0"sv) || begins("MM\0*"sv) || begins("II+\0"sv) || begins("MM\0+"sv))
    return open_tiff(context, data, size);
  if (begins("BM"sv)) return open_bmp(context, data, size);
  bad_input("the bytes are no image of a known format; wanted JPEG, PNG, WebP, BMP, GIF or TIFF");
}

int exif_orientation(const uint8_t *data, size_t size) {
  if (size >= 6 && std::memcmp(data, "Exif\0\0", 6) == 0) {
    data += 6;
    size -= 6;
  }
  if (size < 8) return 1;
  const bool big = data[0] == 'M';
  if (!big && data[0] != 'I') return 1;
  auto u16 = [&](size_t at) { return big ? data[at] << 8 | data[at + 1] : data[at + 1] << 8 | data[at]; };
  auto u32 = [&](size_t at) {
    return big ? uint32_t(u16(at)) << 16 | uint32_t(u16(at + 2)) : uint32_t(u16(at + 2)) << 16 | uint32_t(u16(at));
  };
  const size_t directory = u32(4);
  if (directory > size || size - directory < 2) return 1;
  const size_t entries = size_t(u16(directory));
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * 12;
    if (at > size || size - at < 12) return 1;
    if (u16(at) != 0x0112 || u16(at + 2) != 3) continue;
    const int value = u16(at + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

}  // namespace image
