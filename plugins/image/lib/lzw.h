// GIF's LZW: codes of growing width, in sub-blocks of at most 255 bytes each.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace image {

class GifLzw {
 public:
  enum class End { no, truncated, damaged, stopped };  // stopped: the code for it came

  // data: the width of the first codes, then the sub-blocks.
  GifLzw(const uint8_t *data, size_t size);
  // The next `count` indices, or why there are fewer.
  End read(uint8_t *out, int count);

 private:
  static constexpr int most_bits = 12, table_size = 1 << most_bits;
  End next_code(int &code);
  End expand(int code);

  const uint8_t *at_, *end_;
  int bits_ = 0, clear_ = 0, next_ = 0, width_ = 0;
  size_t block_ = 0;  // bytes of the sub-block that are left
  uint32_t buffer_ = 0;
  int filled_ = 0;
  int last_ = -1;  // the code before; none behind a clear code
  uint8_t last_byte_ = 0;
  std::array<uint8_t, table_size> byte_{};
  std::array<uint16_t, table_size> link_{};
  std::array<uint8_t, table_size + 1> pending_{};  // the string that the last code stands for, from its end
  int pending_count_ = 0;
};

}  // namespace image
