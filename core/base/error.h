// The core's one exception: a code, one line that says what, where and what was wanted, and where in a script it was.
#pragma once
#include <fmt/core.h>
#include <mrun/types.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace mrun {

// It stays in the core: at the boundaries to hosts (api/handles) and plugins (plugin/host) it becomes a code and a text, in Lua an
// error object (script/vm/errors).
struct Error : std::exception {
  Error() = default;
  Error(mrun_code c, std::string text) : code(c), message(std::move(text)) {}
  const char *what() const noexcept override { return message.c_str(); }

  mrun_code code = MRUN_INTERNAL;
  std::string message;
  // As far as known; empty or 0 otherwise.
  std::string stage;      // "input", "preprocess", "forward", "postprocess", "engine"
  std::string script;     // "preprocess.lua", "lib/names.lua", "std/image.lua"
  int line = 0;           // in script, from 1
  std::string source;     // the text of that line
  std::string operation;  // "image.resize@1"
  std::string argument;   // the argument's name in its schema
  std::string traceback;  // lines of "script:line: in function"
};

// The error that something ended with, or none: then it is no larger than two pointers, as nearly every item's is.
class Failure {
 public:
  Failure() = default;
  // Where there is no memory for it: of CANCELLED and TIMEOUT the code stays, all else becomes MEMORY.
  Failure(Error) noexcept;              // NOLINT(google-explicit-constructor): it is one
  static Failure of_memory() noexcept;  // MEMORY, of stage "engine"; wants none
  explicit operator bool() const { return error_ != nullptr; }
  mrun_code code() const { return error_ == nullptr ? MRUN_OK : error_->code; }
  const Error &operator*() const { return error_ == nullptr ? none() : *error_; }  // of none: OK, and no text
  const Error *operator->() const { return &**this; }

 private:
  static const Error &none();
  std::shared_ptr<const Error> error_;
};

// fail(MRUN_INPUT, "{}: no such file", path) throws.
template <class... A>
[[noreturn]] void fail(mrun_code code, fmt::format_string<A...> format, A &&...args) {
  throw Error(code, fmt::format(format, std::forward<A>(args)...));
}

const char *code_name(int code);  // "TIMEOUT"; "INTERNAL" for unknown ones

}  // namespace mrun
