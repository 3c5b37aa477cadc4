#include <cstdlib>
#include <cstring>

#include "api/handles.h"
#include "base/text.h"
#include "value/json.h"

namespace mrun::api {
namespace {

std::string detail_json(const Error &e) {
  std::vector<std::pair<std::string, Value>> d{{"code", Value::string(code_name(e.code))}};
  const auto add = [&](const char *key, const std::string &text) {
    if (!text.empty()) d.emplace_back(key, Value::string(valid_utf8(text) ? text : printable(text, SIZE_MAX)));
  };
  add("stage", e.stage);
  add("script", e.script);
  if (e.line > 0) d.emplace_back("line", Value::integer(e.line));
  add("source", e.source);
  add("operation", e.operation);
  add("argument", e.argument);
  add("traceback", e.traceback);
  return to_json(Value::map(std::move(d)));
}

}  // namespace

char *copy_string(std::string_view s) {
  char *out = static_cast<char *>(std::malloc(s.size() + 1));
  if (out == nullptr) throw std::bad_alloc();
  std::memcpy(out, s.data(), s.size());
  out[s.size()] = 0;
  return out;
}

namespace {

// What the last failing call of a thread said.
struct LastError {
  ~LastError() { mrun_error_free(&error); }
  mrun_error error{};
};

mrun_error &last_error() {
  thread_local LastError last;
  return last.error;
}

void fill(mrun_error &error, const Error &e) {
  error = mrun_error{};
  error.code = e.code;
  try {
    error.message = copy_string(e.message);
    error.detail = copy_string(detail_json(e));
  } catch (...) {  // out of memory, or a message that is no text: the code still says what happened
  }
}

}  // namespace

void set_error(mrun_error *error, const Error &e) {
  mrun_error_free(&last_error());
  fill(last_error(), e);
  if (error != nullptr) fill(*error, e);
}

int usage(mrun_error *error, const char *what) {
  set_error(error, Error(MRUN_USAGE, what));
  return MRUN_USAGE;
}

}  // namespace mrun::api

extern "C" {

void mrun_error_free(mrun_error *error) {
  if (error == nullptr) return;
  std::free(error->message);
  std::free(error->detail);
  *error = mrun_error{};
}

const mrun_error *mrun_last_error(void) { return &mrun::api::last_error(); }
const char *mrun_code_name(int code) { return mrun::code_name(code); }
const char *mrun_version(void) { return mrun::version; }
void mrun_free(void *p) { std::free(p); }

}  // extern "C"
