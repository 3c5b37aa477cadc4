// Little-endian numbers in byte strings. Reading checks what is left before it takes anything, so that no length from a
// file can lead past the end; sizes are compared by subtraction, which cannot overflow.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace mrun {

static_assert(std::endian::native == std::endian::little, "mrun's formats and mappings are little-endian");

// Appends the bytes of a number.
template <class T>
void put(std::string &out, std::type_identity_t<T> value) {
  static_assert(std::is_arithmetic_v<T>);
  out.append(reinterpret_cast<const char *>(&value), sizeof(T));
}

// Reads forward over borrowed bytes, which must outlive it and the views that it gives, as `what` must. Failures throw `code` with `what`: "bundle.mb: ends at byte 40 where 8 bytes …".
class ByteReader {
 public:
  ByteReader(std::string_view data, std::string_view what, mrun_code code) : data_(data), what_(what), code_(code) {}
  size_t position() const { return position_; }
  size_t remaining() const { return data_.size() - position_; }

  // A view of the next n bytes.
  std::string_view take(size_t n) {
    if (n > remaining()) {
      fail(code_, "{}: cut off: {} bytes are wanted at byte {}, {} are left", what_, n, position_, remaining());
    }
    const std::string_view bytes = data_.substr(position_, n);
    position_ += n;
    return bytes;
  }
  template <class T>
  T get() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  std::string_view data_;
  std::string_view what_;
  mrun_code code_;
  size_t position_ = 0;
};

}  // namespace mrun
