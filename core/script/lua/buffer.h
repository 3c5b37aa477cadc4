// Buffer: the text that a library function makes, piece by piece. Its memory is the Lua heap's, so that it is counted
// while it grows, and the limits are looked at every so many bytes.
#pragma once
#include <cstddef>
#include <lua.hpp>
#include <string_view>

namespace mrun {

inline constexpr size_t text_window = size_t{1} << 20;  // bytes of a text between two looks at the limits

class Buffer {
 public:
  explicit Buffer(lua_State *L) : L_(L) {}
  ~Buffer();
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  // Throws MEMORY where the heap is full, and what ends the item.
  void reserve(size_t size) {
    if (size > capacity_) grow(size);
  }
  void append(std::string_view text);
  void append(char c) {
    reserve(size_ + 1);
    data_[size_++] = c;
  }
  // Room for n more bytes, which the caller fills; n is at most text_window.
  char *extend(size_t n);
  // Its own first n bytes again; n is at most its size.
  void repeat(size_t n);
  size_t size() const { return size_; }
  // As a Lua string.
  void push() const { lua_pushlstring(L_, data_, size_); }

 private:
  void grow(size_t size);
  lua_State *const L_;
  char small_[512];  // most texts are short
  char *data_ = small_;
  size_t size_ = 0, capacity_ = sizeof small_;
};

}  // namespace mrun
