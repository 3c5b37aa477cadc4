// What the opaque types of mrun.h hold, and the one wall that no exception passes.
#pragma once
#define MRUN_BUILDING
#include <mrun/mrun.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "author/author.h"
#include "exec/session.h"
#include "report/inspect.h"

struct mrun_bundle {
  std::shared_ptr<const mrun::Bundle> bundle;
  std::string digest;
};
struct mrun_engine {
  std::unique_ptr<mrun::Session> session;
};

namespace mrun::api {

char *copy_string(std::string_view);          // malloc'ed, for mrun_free
void set_error(mrun_error *, const Error &);  // null is fine
int usage(mrun_error *, const char *what);    // MRUN_USAGE
Registry &default_registry();                 // the one that every engine of mrun.h works with

// Runs f; an exception becomes a code and, where there is one, the error.
template <class F>
int guard(mrun_error *error, F &&f) noexcept {
  try {
    f();
    return MRUN_OK;
  } catch (const Error &e) {
    set_error(error, e);
    return e.code;
  } catch (const std::bad_alloc &) {
    set_error(error, Error(MRUN_MEMORY, "out of memory"));
    return MRUN_MEMORY;
  } catch (const std::exception &e) {
    set_error(error, Error(MRUN_INTERNAL, e.what()));
    return MRUN_INTERNAL;
  }
}

// A struct that the caller filled, as this version knows it: what lies beyond his size is zero.
template <class T>
T sized(const T *given) {
  T t{};
  if (given != nullptr) std::memcpy(static_cast<void *>(&t), given, std::min(given->size, sizeof t));
  return t;
}

inline Value options_value(const mrun_value *options) { return options == nullptr ? Value() : Value::copy(*options); }

}  // namespace mrun::api
