#include "webp_lossless.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace image {
namespace {

constexpr uint32_t literals = 256, lengths = 24, distances = 40;
constexpr size_t set_of_codes = 5;  // green and lengths, red, blue, alpha, distance

struct Ended {};  // or damaged: libwebp says why

class Bits {
 public:
  Bits(const uint8_t *data, size_t size) : data_(data), size_(size) {}
  uint32_t read(int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      if (at_ / 8 >= size_) throw Ended{};
      value |= uint32_t(data_[at_ / 8] >> at_ % 8 & 1) << i;
    }
    return value;
  }

 private:
  const uint8_t *data_;
  size_t size_, at_ = 0;
};

// A canonical prefix code.
class Code {
 public:
  explicit Code(const std::vector<uint8_t> &lengths_of) {
    for (size_t i = 0; i < lengths_of.size(); ++i) ++counts_[lengths_of[i]];
    for (size_t length = 1; length < counts_.size(); ++length)
      for (size_t i = 0; i < lengths_of.size(); ++i)
        if (lengths_of[i] == length) symbols_.push_back(uint32_t(i));
    if (symbols_.empty()) throw Ended{};
  }
  uint32_t read(Bits &bits) const {
    if (symbols_.size() == 1) return symbols_[0];  // of no bits
    uint32_t code = 0, first = 0, index = 0;
    for (size_t length = 1; length < counts_.size(); ++length) {
      code = code << 1 | bits.read(1);
      first <<= 1;
      if (code - first < counts_[length]) return symbols_[index + code - first];
      index += counts_[length];
      first += counts_[length];
    }
    throw Ended{};
  }

 private:
  std::array<uint32_t, 16> counts_{};
  std::vector<uint32_t> symbols_;
};

Code read_code(Bits &bits, uint32_t alphabet) {
  std::vector<uint8_t> of(std::max(alphabet, literals));
  if (bits.read(1) != 0) {  // one or two symbols
    const bool two = bits.read(1) != 0;
    of[bits.read(bits.read(1) != 0 ? 8 : 1)] = 1;
    if (two) of[bits.read(8)] = 1;
    of.resize(alphabet);
    return Code(of);
  }
  static constexpr uint8_t order[] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  std::vector<uint8_t> of_lengths(std::size(order));
  const uint32_t given = bits.read(4) + 4;
  for (uint32_t i = 0; i < given; ++i) of_lengths.at(order[i]) = uint8_t(bits.read(3));
  const Code code(of_lengths);
  uint32_t left = alphabet;
  if (bits.read(1) != 0) {
    const int width = 2 + 2 * int(bits.read(3));
    left = 2 + bits.read(width);
  }
  uint8_t before = 8;
  for (uint32_t at = 0; at < alphabet && left > 0; --left) {
    const uint32_t symbol = code.read(bits);
    if (symbol < 16) {
      of[at++] = uint8_t(symbol);
      if (symbol != 0) before = uint8_t(symbol);
      continue;
    }
    uint32_t repeat = symbol == 16 ? 3 + bits.read(2) : symbol == 17 ? 3 + bits.read(3) : 11 + bits.read(7);
    if (repeat > alphabet - at) throw Ended{};
    for (; repeat > 0; --repeat) of[at++] = symbol == 16 ? before : 0;
  }
  return Code(of);
}

uint32_t read_prefixed(Bits &bits, uint32_t symbol) {  // lengths and distances
  if (symbol < 4) return symbol + 1;
  const uint32_t more = (symbol - 2) >> 1;
  return ((2 + (symbol & 1)) << more) + bits.read(int(more)) + 1;
}

// The first 120 distances stand for pixels nearby: rows up in the high four bits, 8 less the columns back in the low.
size_t distance_of(uint32_t code, int width) {
  static constexpr uint8_t near[] = {
      0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1a, 0x26, 0x2a, 0x38, 0x05, 0x37, 0x39, 0x15, 0x1b,
      0x36, 0x3a, 0x25, 0x2b, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1c, 0x35, 0x3b, 0x46, 0x4a, 0x24, 0x2c, 0x58, 0x45,
      0x4b, 0x34, 0x3c, 0x03, 0x57, 0x59, 0x13, 0x1d, 0x56, 0x5a, 0x23, 0x2d, 0x44, 0x4c, 0x55, 0x5b, 0x33, 0x3d,
      0x68, 0x02, 0x67, 0x69, 0x12, 0x1e, 0x66, 0x6a, 0x22, 0x2e, 0x54, 0x5c, 0x43, 0x4d, 0x65, 0x6b, 0x32, 0x3e,
      0x78, 0x01, 0x77, 0x79, 0x53, 0x5d, 0x11, 0x1f, 0x64, 0x6c, 0x42, 0x4e, 0x76, 0x7a, 0x21, 0x2f, 0x75, 0x7b,
      0x31, 0x3f, 0x63, 0x6d, 0x52, 0x5e, 0x00, 0x74, 0x7c, 0x41, 0x4f, 0x10, 0x20, 0x62, 0x6e, 0x30, 0x73, 0x7d,
      0x51, 0x5f, 0x40, 0x72, 0x7e, 0x61, 0x6f, 0x50, 0x71, 0x7f, 0x60, 0x70};
  if (code > std::size(near)) return code - std::size(near);
  const int packed = near[code - 1], distance = (packed >> 4) * width + 8 - (packed & 15);
  return size_t(std::max(distance, 1));
}

uint32_t read_cache_bits(Bits &bits) {
  if (bits.read(1) == 0) return 0;
  const uint32_t count = bits.read(4);
  if (count < 1 || count > 11) throw Ended{};
  return count;
}

std::array<Code, set_of_codes> read_codes(Bits &bits, uint32_t cache_bits) {
  const uint32_t green = literals + lengths + (cache_bits == 0 ? 0 : 1U << cache_bits);
  // Braces: one after the other.
  return {read_code(bits, green), read_code(bits, literals), read_code(bits, literals), read_code(bits, literals),
          read_code(bits, distances)};
}

// An image within the stream: a transform's, or that of the groups.
std::vector<uint32_t> read_image(Context &context, Bits &bits, int width, int height) {
  const uint32_t cache_bits = read_cache_bits(bits);
  const auto codes = read_codes(bits, cache_bits);
  std::vector<uint32_t> out(size_t(width) * size_t(height)), cache(size_t(1) << cache_bits);
  const auto put = [&](size_t at, uint32_t pixel) {
    out[at] = pixel;
    if (cache_bits > 0) cache[pixel * 0x1e35a7bdU >> (32 - cache_bits)] = pixel;
  };
  for (size_t at = 0, polled = 0; at < out.size();) {
    if (at >> 16 != polled) {
      polled = at >> 16;
      context.poll();
    }
    const uint32_t symbol = codes[0].read(bits);
    if (symbol < literals) {
      const uint32_t red = codes[1].read(bits), blue = codes[2].read(bits), alpha = codes[3].read(bits);
      put(at++, alpha << 24 | red << 16 | symbol << 8 | blue);
    } else if (symbol < literals + lengths) {
      uint32_t length = read_prefixed(bits, symbol - literals);
      const size_t back = distance_of(read_prefixed(bits, codes[4].read(bits)), width);
      if (back > at || length > out.size() - at) throw Ended{};
      for (; length > 0; --length, ++at) put(at, out[at - back]);
    } else {
      put(at, cache[symbol - literals - lengths]);
      ++at;
    }
  }
  return out;
}

int blocks(int side, uint32_t bits) { return (side + (1 << bits) - 1) >> bits; }

// seen: a bit for each kind, of which there is one at most.
void skip_transform(Context &context, Bits &bits, int &width, int height, uint32_t &seen) {
  enum { predictor, colour, subtract_green, palette };
  const uint32_t kind = bits.read(2);
  if ((seen >> kind & 1) != 0) throw Ended{};
  seen |= 1U << kind;
  switch (kind) {
    case predictor:
    case colour: {
      const uint32_t size = bits.read(3) + 2;
      read_image(context, bits, blocks(width, size), blocks(height, size));
      break;
    }
    case palette: {
      const int colours = int(bits.read(8)) + 1;
      read_image(context, bits, colours, 1);
      width = blocks(width, colours > 16 ? 0 : colours > 4 ? 1 : colours > 2 ? 2 : 3);
      break;
    }
    default: break;
  }
}

size_t bytes_of(size_t groups, uint32_t cache_bits) {
  return groups * (sizeof(uint32_t) * (3000 + (size_t(1) << cache_bits)) + 1024);
}

// As libwebp does: of many groups those alone that a block has.
size_t count_groups(const std::vector<uint32_t> &image, size_t pixels) {
  std::vector<bool> used(1 << 16);
  size_t groups = 0, most = 0;
  for (const uint32_t pixel : image) {
    const size_t group = pixel >> 8 & 0xffff;
    groups += used[group] ? 0 : 1;
    used[group] = true;
    most = std::max(most, group + 1);
  }
  return most > 1000 || most > pixels ? groups : most;
}

size_t stream_bytes(Context &context, const uint8_t *data, size_t size, int width, int height) try {
  Bits bits(data, size);
  uint32_t seen = 0;
  while (bits.read(1) != 0) skip_transform(context, bits, width, height, seen);
  const uint32_t cache_bits = read_cache_bits(bits);
  if (bits.read(1) == 0) return bytes_of(1, cache_bits);
  const uint32_t block = bits.read(3) + 2;
  const auto image = read_image(context, bits, blocks(width, block), blocks(height, block));
  return bytes_of(count_groups(image, size_t(width) * size_t(height)), cache_bits);
} catch (const Ended &) {  // libwebp refuses it, where this does
  return bytes_of(std::min({size_t(1) << 16, size * 2 / 5 + 1, size_t(blocks(width, 2)) * size_t(blocks(height, 2))}),
                  11);
}

}  // namespace

size_t webp_table_bytes(Context &context, const uint8_t *data, size_t size, int width, int height) {
  constexpr size_t head = 8, lossless_head = 5;
  constexpr uint8_t signature = 0x2f;
  if (size > lossless_head && data[0] == signature)
    return stream_bytes(context, data + lossless_head, size - lossless_head, width, height);
  size_t bytes = 0;
  for (size_t at = 0; size - at > head;) {
    const uint8_t *chunk = data + at;
    const size_t left = size - at - head;
    const size_t said = chunk[4] | size_t(chunk[5]) << 8 | size_t(chunk[6]) << 16 | size_t(chunk[7]) << 24;
    const size_t length = std::min(said, left);
    const bool alpha = std::memcmp(chunk, "ALPH", 4) == 0 && length > 1 && (chunk[head] & 3) == 1;
    const bool lossless = std::memcmp(chunk, "VP8L", 4) == 0 && length > lossless_head;
    const size_t skip = head + (alpha ? 1 : lossless_head);
    if (alpha || lossless) bytes += stream_bytes(context, chunk + skip, length + head - skip, width, height);
    at += head + std::min(left, length + (length & 1));
  }
  return bytes;
}

}  // namespace image
