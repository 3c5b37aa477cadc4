#include "lzw.h"

namespace image {

GifLzw::GifLzw(const uint8_t *data, size_t size) : at_(data), end_(data + size) {
  bits_ = at_ < end_ ? *at_++ : 0;
  if (bits_ > most_bits) return;
  clear_ = 1 << bits_;
  next_ = clear_ + 2;
  width_ = bits_ + 1;
}

GifLzw::End GifLzw::next_code(int &code) {
  while (filled_ < width_) {
    if (at_ == end_) return End::truncated;
    if (block_ == 0) {
      block_ = *at_++;
      continue;
    }
    buffer_ |= uint32_t{*at_++} << filled_;
    filled_ += 8;
    --block_;
  }
  code = int(buffer_ & ((1U << width_) - 1));
  buffer_ >>= width_;
  filled_ -= width_;
  return End::no;
}

// The string of a code into pending_, its last byte first, and the table's next entry.
GifLzw::End GifLzw::expand(int code) {
  const int given = code;
  if (last_ < 0) {
    if (code > clear_) return End::damaged;
    last_ = code;
    last_byte_ = uint8_t(code);
    pending_[size_t(pending_count_++)] = last_byte_;
    return End::no;
  }
  if (code > next_) return End::damaged;
  if (code == next_) {
    pending_[size_t(pending_count_++)] = last_byte_;
    code = last_;
  }
  while (code >= clear_) {
    if (code >= table_size || pending_count_ >= table_size) return End::damaged;
    pending_[size_t(pending_count_++)] = byte_[size_t(code)];
    code = link_[size_t(code)];
  }
  last_byte_ = uint8_t(code);
  pending_[size_t(pending_count_++)] = last_byte_;
  if (next_ < table_size) {
    byte_[size_t(next_)] = last_byte_;
    link_[size_t(next_)] = uint16_t(last_);
    if (next_ == (1 << width_) - 1 && width_ < most_bits) ++width_;
    ++next_;
  }
  last_ = given;
  return End::no;
}

GifLzw::End GifLzw::read(uint8_t *out, int count) {
  if (bits_ > most_bits) return End::damaged;
  while (count > 0) {
    if (pending_count_ > 0) {
      *out++ = pending_[size_t(--pending_count_)];
      --count;
      continue;
    }
    int code = 0;
    if (const End end = next_code(code); end != End::no) return end;
    if (code == clear_) {
      next_ = clear_ + 2;
      width_ = bits_ + 1;
      last_ = -1;
    } else if (code == clear_ + 1) {
      return End::stopped;
    } else if (const End end = expand(code); end != End::no) {
      return end;
    }
  }
  return End::no;
}

}  // namespace image
