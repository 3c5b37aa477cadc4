#include "exif.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace image {
namespace {

// A block of TIFF's directories: its byte order is known.
struct Block {
  const uint8_t *data;
  bool big;
  uint32_t u16(size_t at) const { return big ? data[at] << 8 | data[at + 1] : data[at + 1] << 8 | data[at]; }
  uint32_t u32(size_t at) const { return big ? u16(at) << 16 | u16(at + 2) : u16(at + 2) << 16 | u16(at); }
};

// An integer of any width: SHORT is the rule, but LONG and the signed ones are written too.
int64_t entry_value(const Block &b, size_t at) {
  switch (b.u16(at + 2)) {
    case 3: return b.u16(at + 8);
    case 4: return b.u32(at + 8);
    case 6: return static_cast<int8_t>(b.data[at + 8]);
    case 8: return static_cast<int16_t>(b.u16(at + 8));
    case 9: return static_cast<int32_t>(b.u32(at + 8));
    default: return 0;
  }
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
  const Block b{data, data[0] == 'M'};
  const size_t directory = b.u32(4);
  if (directory > size || size - directory < 2) return std::nullopt;
  const size_t entries = b.u16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * 12;
    if (at > size || size - at < 12) return std::nullopt;
    if (b.u16(at) != 0x0112 || b.u32(at + 4) != 1) continue;
    const int64_t value = entry_value(b, at);
    return value >= 1 && value <= 8 ? int(value) : 1;
  }
  return std::nullopt;
}

int png_orientation(const uint8_t *data, size_t size) {
  const std::string_view file(reinterpret_cast<const char *>(data), size);
  std::optional<int> exif, profile, xmp;
  bool has_exif = false;
  for (size_t at = 8; at <= size && size - at >= 12;) {
    const size_t length = Block{data, true}.u32(at);
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
      // Readers look for XMP in iTXt alone.
      if (t.key == "XML:com.adobe.xmp" && type == "iTXt") xmp = xmp_orientation(t.value);
    }
    at += 12 + length;
  }
  if (exif) return *exif;
  if (!has_exif && profile) return *profile;
  return xmp.value_or(1);
}

}  // namespace image
