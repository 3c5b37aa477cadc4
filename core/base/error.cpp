#include "base/error.h"

#include <cstddef>
#include <new>

namespace mrun {
namespace {

// Never destroyed, as items may still be answered while the process ends. The texts are short enough to want no memory.
template <mrun_code code>
const Error &lasting(const char *message, const char *stage) {
  alignas(Error) static std::byte place[sizeof(Error)];
  static const Error *const error = [&] {
    auto *const made = new (place) Error(code, message);
    made->stage = stage;
    return made;
  }();
  return *error;
}

std::shared_ptr<const Error> unowned(const Error &error) { return {std::shared_ptr<const Error>(), &error}; }

}  // namespace

Failure::Failure(Error e) noexcept {
  const mrun_code code = e.code;
  try {
    error_ = std::make_shared<const Error>(std::move(e));
  } catch (const std::bad_alloc &) {
    switch (code) {
      case MRUN_CANCELLED: error_ = unowned(lasting<MRUN_CANCELLED>("cancelled", "engine")); break;
      case MRUN_TIMEOUT: error_ = unowned(lasting<MRUN_TIMEOUT>("took too long", "engine")); break;
      default: *this = of_memory();
    }
  }
}

Failure Failure::of_memory() noexcept {
  Failure failure;
  failure.error_ = unowned(lasting<MRUN_MEMORY>("out of memory", "engine"));
  return failure;
}

const Error &Failure::none() { return lasting<MRUN_OK>("", ""); }

const char *code_name(int code) {
  static const char *const names[] = {"OK",     "USAGE",  "INPUT",    "BUNDLE",    "MISSING", "ARGUMENT",
                                      "SCRIPT", "MODEL",  "TIMEOUT",  "CANCELLED", "MEMORY",  "QUOTA",
                                      "IO",     "VERIFY", "PROTOCOL", "CRASH"};
  const auto index = static_cast<size_t>(code);
  return code >= 0 && index < std::size(names) ? names[index] : "INTERNAL";
}

}  // namespace mrun
