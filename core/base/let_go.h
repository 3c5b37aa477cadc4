// Letting go of what foreign code made: what its destructor throws ends there, and the log tells of it; a floating-point
// mode that it leaves is gone with it.
#pragma once
#include <fmt/core.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/float_mode.h"
#include "base/log.h"

namespace mrun {

inline std::atomic<uint64_t> destructions_that_threw{0};

// f: runs the foreign code that destroys `what`.
template <class F>
void let_go(std::string_view what, F &&f) noexcept {
  const FloatModeGuard mode;
  try {
    f();
  } catch (...) {
    ++destructions_that_threw;
    try {
      log(LogLevel::error, fmt::format("{}: its destruction threw an exception; a destructor must not", what));
    } catch (...) {}  // no memory for the line
  }
}

}  // namespace mrun
