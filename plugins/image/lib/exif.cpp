#include "exif.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

namespace image {
namespace {

// A block of TIFF's directories: its byte order is known.
struct Block {
  const uint8_t *data;
  size_t size;
  bool big;
  uint32_t u16(size_t at) const { return big ? data[at] << 8 | data[at + 1] : data[at + 1] << 8 | data[at]; }
  uint32_t u32(size_t at) const { return big ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at); }
  uint64_t u64(size_t at) const {
    const uint64_t first = u32(at), second = u32(at + 4);
    return big ? first << 32 | second : second << 32 | first;
  }
};

// TIFF's types of numbers.
enum Type : uint32_t {
  type_byte = 1,
  type_ascii = 2,
  type_short = 3,
  type_long = 4,
  type_rational = 5,
  type_signed_byte = 6,
  type_undefined = 7,
  type_signed_short = 8,
  type_signed_long = 9,
  type_signed_rational = 10,
  type_float = 11,
  type_double = 12,
  type_ifd = 13,
  type_long8 = 16,
};

// 0 for a type that is not known.
size_t bytes_of(uint32_t type) {
  static constexpr uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

// SHORT is the rule, but every other type of numbers is written too, and read by Pillow. BYTE is none of them there: it
// gives 0, as texts do.
double number_at(const Block &b, uint32_t type, size_t at) {
  switch (type) {
    case type_short: return b.u16(at);
    case type_long:
    case type_ifd: return b.u32(at);
    case type_signed_byte: return static_cast<int8_t>(b.data[at]);
    case type_signed_short: return static_cast<int16_t>(b.u16(at));
    case type_signed_long: return static_cast<int32_t>(b.u32(at));
    case type_long8: return double(b.u64(at));
    case type_rational: return double(b.u32(at)) / double(b.u32(at + 4));
    case type_signed_rational:
      return double(static_cast<int32_t>(b.u32(at))) / double(static_cast<int32_t>(b.u32(at + 4)));
    case type_float: return double(std::bit_cast<float>(b.u32(at)));
    case type_double: return std::bit_cast<double>(b.u64(at));
    default: return 0;
  }
}

// The first value of the entry at `at`; nothing where it has none, or lies outside of the block.
std::optional<double> entry_value(const Block &b, size_t at) {
  const uint32_t type = b.u16(at + 2);
  const uint64_t bytes = uint64_t{bytes_of(type)} * b.u32(at + 4);
  if (bytes == 0) return std::nullopt;
  const size_t place = bytes <= 4 ? at + 8 : b.u32(at + 8);  // short values stand in the entry
  if (place > b.size || bytes > b.size - place) return std::nullopt;
  return number_at(b, type, place);
}

// ---- PNG

struct Text {
  std::string_view key;
  std::string value;
};

std::string_view until_zero(std::string_view &s) {
  const size_t end = std::min(s.find('\0'), s.size());
  const std::string_view part = s.substr(0, end);
  s.remove_prefix(std::min(end + 1, s.size()));
  return part;
}

// Empty where it is damaged, or larger than a text may be.
std::string inflated(std::string_view in) {
  constexpr uLongf most = 1 << 20;
  std::string out(most, '\0');
  uLongf size = most;
  const auto *data = reinterpret_cast<const Bytef *>(in.data());
  if (uncompress(reinterpret_cast<Bytef *>(out.data()), &size, data, uLong(in.size())) != Z_OK) return {};
  out.resize(size);
  return out;
}

// tEXt: key, text. zTXt: key, method, text. iTXt: key, whether compressed, method, language, key in it, text.
Text text_of(std::string_view type, std::string_view s) {
  Text t{until_zero(s), {}};
  bool packed = type == "zTXt";
  if (packed) s.remove_prefix(std::min<size_t>(1, s.size()));
  if (type == "iTXt") {
    if (s.size() < 2) return t;
    packed = s[0] == 1;
    s.remove_prefix(2);
    until_zero(s);
    until_zero(s);
  }
  t.value = packed ? inflated(s) : std::string(s);
  return t;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// "\nexif\n   1234\n", then the bytes in hexadecimal.
std::vector<uint8_t> raw_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  std::vector<uint8_t> out;
  int high = -1;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) continue;
    if (high >= 0) out.push_back(uint8_t(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  return out;
}

std::optional<int> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view name = "tiff:Orientation";
  for (size_t at = xmp.find(name); at != xmp.npos; at = xmp.find(name, at + 1)) {
    std::string_view rest = xmp.substr(at + name.size());
    if (rest.substr(0, 2) == "=\"")
      rest.remove_prefix(2);
    else if (rest.substr(0, 1) == ">")
      rest.remove_prefix(1);
    else
      continue;
    if (!rest.empty() && rest[0] >= '1' && rest[0] <= '8') return rest[0] - '0';
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> exif_orientation(const uint8_t *data, size_t size) {
  if (size >= 6 && std::memcmp(data, "Exif\0\0", 6) == 0) {
    data += 6;
    size -= 6;
  }
  if (size < 8 || (data[0] != 'M' && data[0] != 'I')) return std::nullopt;
  const Block b{data, size, data[0] == 'M'};
  const size_t directory = b.u32(4);
  if (directory > size || size - directory < 2) return std::nullopt;
  constexpr uint32_t orientation_tag = 0x0112;
  const size_t entries = b.u16(directory);
  std::optional<int> orientation;  // the last one counts
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * 12;
    if (at > size || size - at < 12) break;
    if (b.u16(at) != orientation_tag) continue;
    if (const auto value = entry_value(b, at)) {
      const bool known = *value >= 1 && *value <= 8 && *value == std::trunc(*value);
      orientation = known ? int(*value) : 1;
    }
  }
  return orientation;
}

int png_orientation(const uint8_t *data, size_t size) {
  const std::string_view file(reinterpret_cast<const char *>(data), size);
  std::optional<int> exif, profile, xmp;
  bool has_exif = false;
  for (size_t at = 8; at <= size && size - at >= 12;) {
    const size_t length = Block{data, size, true}.u32(at);
    if (length > size - at - 12) break;
    const std::string_view type = file.substr(at + 4, 4), content = file.substr(at + 8, length);
    if (type == "eXIf") {
      exif = exif_orientation(data + at + 8, length);
      has_exif = true;
    } else if (type == "tEXt" || type == "zTXt" || type == "iTXt") {
      const bool wanted = content.substr(0, 22) == std::string_view("Raw profile type exif\0", 22) ||
                          content.substr(0, 18) == std::string_view("XML:com.adobe.xmp\0", 18);
      const Text t = wanted ? text_of(type, content) : Text{};
      if (t.key == "Raw profile type exif" && !t.value.empty()) {
        const std::vector<uint8_t> bytes = raw_profile(t.value);
        profile = exif_orientation(bytes.data(), bytes.size());
      }
      if (t.key == "XML:com.adobe.xmp") xmp = xmp_orientation(t.value);
    }
    at += 12 + length;
  }
  if (exif) return *exif;
  if (!has_exif && profile) return *profile;
  return xmp.value_or(1);
}

}  // namespace image
