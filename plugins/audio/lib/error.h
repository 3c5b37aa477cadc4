// What went wrong. `input`: the file is at fault; `argument`: the caller is.
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace audio {

struct Error : std::exception {
  enum class Code { input, argument, internal };
  Error(Code c, std::string t) : code(c), text(std::move(t)) {}
  const char *what() const noexcept override { return text.c_str(); }
  Code code;
  std::string text;
};
// A number for messages, as short as it can be and still be that number.
inline std::string shown(double x) {
  if (std::isnan(x)) return "nan";  // its sign is the processor's
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), x).ptr};
}
// A name as a message shows it: its first 40 bytes, of whole characters.
inline std::string shown(std::string_view name) {
  size_t end = std::min<size_t>(name.size(), 40);
  while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return std::string(name.substr(0, end));
}
// "1 sample", "2 samples".
inline std::string plural(uint64_t n, const char *what) { return std::to_string(n) + ' ' + what + (n == 1 ? "" : "s"); }
[[noreturn]] inline void bad_input(const std::string &text) { throw Error(Error::Code::input, "audio: " + text); }
[[noreturn]] inline void bad_argument(const std::string &text) { throw Error(Error::Code::argument, text); }

}  // namespace audio
