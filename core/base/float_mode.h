// The floating-point mode of this thread: rounding, and what becomes of the smallest numbers. Every answer depends on it, and
// threads and processes that are started have their maker's.
#pragma once
#include <fenv.h>

#include <cstring>

namespace mrun {

// Puts the mode back that there was. Foreign code may leave another: a library linked with -ffast-math turns denormals to
// zero as it is loaded.
class FloatModeGuard {
 public:
  FloatModeGuard() noexcept { fegetmode(&before_); }
  ~FloatModeGuard() {
    femode_t now{};
    fegetmode(&now);
    if (std::memcmp(&now, &before_, sizeof now) != 0) fesetmode(&before_);
  }
  FloatModeGuard(const FloatModeGuard &) = delete;
  FloatModeGuard &operator=(const FloatModeGuard &) = delete;

 private:
  femode_t before_{};
};

// The mode that every process begins with, until the end of the scope.
class DefaultFloatMode : public FloatModeGuard {
 public:
  DefaultFloatMode() noexcept { fesetmode(FE_DFL_MODE); }
};

}  // namespace mrun
