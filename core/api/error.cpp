#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <optional>

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

// What the last failing call of this thread said: of plain data, since an object with a destructor would be registered
// with the C library at its first use, which ends the process where memory has run out, as at a failing call it may have.
thread_local mrun_error last_error{};

void free_last_error(void *) { mrun_error_free(&last_error); }

// Frees a thread's last error at the thread's end. Where there is no memory, or no key, its two texts are left behind.
void free_at_thread_end() {
  static const auto key = [] {
    pthread_key_t made{};
    return pthread_key_create(&made, free_last_error) == 0 ? std::optional(made) : std::nullopt;
  }();
  if (key) pthread_setspecific(*key, &last_error);
}

// The thread that ends the process, or unloads the library, has no such end.
[[maybe_unused]] const struct AtExit {
  ~AtExit() { mrun_error_free(&last_error); }
} at_exit;

void fill(mrun_error &error, const Error &e) noexcept {
  error = mrun_error{};
  error.code = e.code;
  try {
    error.message = copy_string(e.message);
    error.detail = copy_string(detail_json(e));
  } catch (...) {  // out of memory, or a message that is no text: the code still says what happened
  }
}

}  // namespace

void set_error(mrun_error *error, const Error &e) noexcept {
  mrun_error_free(&last_error);
  fill(last_error, e);
  free_at_thread_end();
  if (error != nullptr) fill(*error, e);
}

int set_error(mrun_error *error, mrun_code code, const char *message) noexcept {
  Error e;
  e.code = code;
  try {
    e.message = message;
  } catch (const std::bad_alloc &) {  // the code says what happened
  }
  set_error(error, e);
  return code;
}

int usage(mrun_error *error, const char *what) noexcept { return set_error(error, MRUN_USAGE, what); }

}  // namespace mrun::api

extern "C" {

void mrun_error_free(mrun_error *error) {
  if (error == nullptr) return;
  std::free(error->message);
  std::free(error->detail);
  *error = mrun_error{};
}

const mrun_error *mrun_last_error(void) { return &mrun::api::last_error; }
const char *mrun_code_name(int code) { return mrun::code_name(code); }
const char *mrun_version(void) { return mrun::version; }
void mrun_free(void *p) { std::free(p); }

}  // extern "C"
