// What the library throws. It knows nothing of the plugin, which turns these into the host's codes (ops.h).
#pragma once
#include <exception>
#include <string>

namespace text {

struct Error : std::exception {
  enum class Code {
    argument,  // the caller asked for what cannot be
    input,     // the text, or the file that something is made from
    internal,  // a library below failed
  };
  Code code;
  std::string text;
  Error(Code c, std::string t) : code(c), text(std::move(t)) {}
  const char *what() const noexcept override { return text.c_str(); }
};

[[noreturn]] inline void bad_argument(std::string what) { throw Error(Error::Code::argument, std::move(what)); }
[[noreturn]] inline void bad_input(std::string what) { throw Error(Error::Code::input, std::move(what)); }
[[noreturn]] inline void internal_error(std::string what) { throw Error(Error::Code::internal, std::move(what)); }

}  // namespace text
