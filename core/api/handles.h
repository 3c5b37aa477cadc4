// What the opaque types of mrun.h hold, and the one wall that no exception passes.
#pragma once
#define MRUN_BUILDING
#include <mrun/mrun.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "author/author.h"
#include "base/float_mode.h"
#include "exec/session.h"
#include "report/inspect.h"

struct mrun_bundle {
  std::shared_ptr<const mrun::Bundle> bundle;
  std::string digest;
};
struct mrun_engine {
  std::unique_ptr<mrun::Session> session;
  int process = 0;  // that started it
};

namespace mrun::api {

char *copy_string(std::string_view);  // malloc'ed, for mrun_free. Throws bad_alloc
// What a call says that fails; null is fine, mrun_last_error keeps it, too. Without memory for the text the code is there.
void set_error(mrun_error *, const Error &) noexcept;
int set_error(mrun_error *, mrun_code, const char *message) noexcept;  // the code
int usage(mrun_error *, const char *what) noexcept;                    // MRUN_USAGE
Registry &default_registry();                                          // the one that every engine of mrun.h works with
void note_start();                                                     // plugins are loaded before it

// Runs f, in the floating-point mode that answers want, whatever the host's is; an exception becomes a code and, where there
// is one, the error.
template <class F>
int guard(mrun_error *error, F &&f) noexcept {
  const DefaultFloatMode mode;
  try {
    f();
    return MRUN_OK;
  } catch (const Error &e) {
    set_error(error, e);
    return e.code;
  } catch (const std::bad_alloc &) {
    return set_error(error, MRUN_MEMORY, "out of memory");
  } catch (const std::exception &e) { return set_error(error, MRUN_INTERNAL, e.what()); } catch (...) {
    return set_error(error, MRUN_INTERNAL, "an exception of an unknown kind");
  }
}

// Around the host's own functions, which must not throw; what one throws ends here, and a floating-point mode that it sets.
template <class F>
void call_host(F &&f) noexcept {
  const FloatModeGuard mode;
  try {
    f();
  } catch (...) {  // there is nobody to tell
  }
}

// ---- handles. What a host holds is no address but a number that is never given twice, so that a handle that was closed,
// or never was one, is told from an open one. A call keeps what it works with, whoever closes it meanwhile.

std::shared_ptr<const mrun_bundle> find(const mrun_bundle *);  // throw USAGE for NULL and what is not open
std::shared_ptr<mrun_engine> find(mrun_engine *);
inline std::shared_ptr<const Bundle> bundle_of(const mrun_bundle *handle) { return find(handle)->bundle; }
mrun_bundle *keep(std::shared_ptr<mrun_bundle>);
mrun_engine *keep(std::shared_ptr<mrun_engine>);

// ---- what a host fills in

// The sizes of version 1.0, where each struct ended with this member. Hosts of then give them for ever.
template <class T>
inline constexpr size_t first_size = 0;
#define MRUN_FIRST_END(type, last) \
  template <>                      \
  inline constexpr size_t first_size<type> = offsetof(type, last) + sizeof(type::last)
MRUN_FIRST_END(mrun_open_options, trusted_keys);
MRUN_FIRST_END(mrun_options, trace_user);
MRUN_FIRST_END(mrun_item, deadline);
#undef MRUN_FIRST_END

// A struct as this version knows it: what lies beyond the caller's size is zero. Throws USAGE where `size` is no size of
// it, and where the caller asks for what only a newer version has.
template <class T>
T sized(const T *given, const char *name) {
  static_assert(first_size<T> > 0 && first_size<T> <= sizeof(T));
  T t{};
  if (given == nullptr) return t;
  constexpr size_t most = 4096;
  const size_t size = given->size;
  if (size < first_size<T> || size > most || size % alignof(T) != 0) {
    fail(MRUN_USAGE, "{0}: size is {1}: want sizeof({0}), which is {2} (MRUN_INIT sets it)", name, size, sizeof t);
  }
  std::memcpy(static_cast<void *>(&t), given, std::min(size, sizeof t));
  const char *bytes = reinterpret_cast<const char *>(given);
  for (size_t i = sizeof t; i < size; ++i) {
    if (bytes[i] != 0) fail(MRUN_USAGE, "{}: a member is set that mrun {} does not know", name, version);
  }
  return t;
}

// A host's value, checked as far as it can be; shared or copied. Throws USAGE.
Value host_value(const mrun_value *);
inline Value options_value(const mrun_value *options) { return options == nullptr ? Value() : host_value(options); }

}  // namespace mrun::api
