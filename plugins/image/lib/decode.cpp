#include "decode.h"

#include <cstring>

namespace image {

Mode mode_by_name(std::string_view name) {
  static constexpr std::string_view names[] = {"L", "RGB", "RGBA", "I;16", "I", "F"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return Mode(i);
  bad_argument("mode is \"" + std::string(name.substr(0, 40)) + "\"; wanted RGB, L, RGBA, I;16, I or F");
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

// What is often taken for one of the formats here.
struct Foreign {
  size_t at;
  std::string_view magic;
  const char *what;
};
constexpr Foreign foreign[] = {
    {4, "ftypavif"sv, "an AVIF picture"},
    {4, "ftypheic"sv, "a HEIC picture"},
    {4, "ftypmif1"sv, "a HEIF picture"},
    {4, "ftyp"sv, "a video (MP4)"},
    {0, "\xff\x0a"sv, "a JPEG XL picture"},
    {4, "JXL \r\n"sv, "a JPEG XL picture"},
    {4, "jP  \r\n"sv, "a JPEG 2000 picture"},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
    {0, "8BPS"sv, "a Photoshop document"},
    {0, "\0\0\1\0"sv, "an icon (ICO)"},
    {0, "P7"sv, "a PAM picture"},
    {0, "Pf"sv, "a PFM picture"},
    {0, "PF"sv, "a PFM picture"},
    {0, "v/1\1"sv, "an OpenEXR picture"},
    {0, "#?RADIANCE"sv, "a Radiance picture (HDR)"},
    {0, "DDS "sv, "a DDS texture"},
    {0, "%PDF"sv, "a PDF document"},
    {0, "<svg"sv, "an SVG drawing"},
    {0, "<?xml"sv, "XML"},
    {0, "\x1f\x8b"sv, "a gzip archive"},
    {0, "PK\3\4"sv, "a ZIP archive"},
    {0, "version https://git-lfs"sv, "a pointer of Git LFS, which stands for the file (`git lfs pull` fetches that)"},
    {0, "\x93NUMPY"sv, "NumPy's .npy (kind = \"tensor\" reads it)"},
    {0, "RIFF"sv, "a sound or video (RIFF)"},
    {0, "<"sv, "a web page or XML, as a failed download leaves one"},
    {0, "{"sv, "JSON text"},
};
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
  for (const Foreign &f : foreign)
    if (begins(f.magic, f.at)) bad_input(std::string("this is ") + f.what + "; wanted " + wanted);
  bad_input(std::string("the bytes are no image of a known format; wanted ") + wanted);
}

}  // namespace image
