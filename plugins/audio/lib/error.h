// What went wrong. `input`: the file is at fault; `argument`: the caller is.
#pragma once
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <mrun/message.hpp>
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
inline std::string shown(std::string_view name) { return mrun::shortened(name, 40); }
[[noreturn]] inline void bad_input(const std::string &text) { throw Error(Error::Code::input, text); }
[[noreturn]] inline void bad_argument(const std::string &text) { throw Error(Error::Code::argument, text); }

}  // namespace audio
