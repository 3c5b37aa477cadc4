#include "decode.h"

#include <mrun/file_kind.hpp>

#include <cstring>

namespace image {

Mode mode_by_name(std::string_view name) {
  static constexpr std::string_view names[] = {"L", "RGB", "RGBA", "I;16", "I", "F"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return Mode(i);
  bad_argument("mode is \"" + shown(name) + "\"; wanted RGB, L, RGBA, I;16, I or F");
}

int channels_of(Mode mode) { return mode == Mode::RGB ? 3 : mode == Mode::RGBA ? 4 : 1; }

Type type_of(Mode mode) {
  if (mode == Mode::F) return Type::f32;
  return mode == Mode::I16 || mode == Mode::I ? Type::i32 : Type::u8;
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

namespace {

using namespace std::string_view_literals;

constexpr const char *wanted = "JPEG, PNG, WebP, BMP, GIF, TIFF or PNM";

}  // namespace

std::unique_ptr<Decoder> open_image(Context &context, const uint8_t *data, size_t size) {
  auto begins = [&](std::string_view magic, size_t at = 0) {
    return size >= at + magic.size() && std::memcmp(data + at, magic.data(), magic.size()) == 0;
  };
  if (size == 0) bad_input("the image is empty");
  if (begins("\xff\xd8\xff"sv)) return open_jpeg(context, data, size);
  if (begins("\x89PNG\r\n\x1a\n"sv)) return open_png(context, data, size);
  if (begins("RIFF"sv) && begins("WEBP"sv, 8)) return open_webp(context, data, size);
  if (begins("GIF87a"sv) || begins("GIF89a"sv)) return open_gif(context, data, size);
  if (begins("II*\0"sv) || begins("MM\0*"sv) || begins("II+\0"sv) || begins("MM\0+"sv))
    return open_tiff(context, data, size);
  if (begins("BM"sv)) return open_bmp(context, data, size);
  if (size >= 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6') return open_pnm(context, data, size);
  std::string kind(mrun::known_file_kind({reinterpret_cast<const char *>(data), size}));
  if (kind.empty() && begins("RIFF"sv)) kind = "a sound or video (RIFF)";
  if (!kind.empty()) bad_input("this is " + kind + "; wanted " + wanted);
  bad_input(std::string("the bytes are no image of a known format; wanted ") + wanted);
}

}  // namespace image
