// The floating-point mode of this thread: rounding, and what becomes of the smallest numbers. Every answer depends on it, and
// threads and processes that are started have their maker's.
#pragma once
#include <fenv.h>

#include <cstring>

namespace mrun {

// The mode that there was when this was made.
class FloatMode {
 public:
  FloatMode() noexcept { fegetmode(&mode_); }
  // Whether there was another. What is read has flags beside the mode ("inexact"), which setting it leaves alone.
  bool put_back() const noexcept {
    femode_t found{}, mended{};
    fegetmode(&found);
    if (std::memcmp(&found, &mode_, sizeof found) == 0) return false;
    fesetmode(&mode_);
    fegetmode(&mended);
    return std::memcmp(&found, &mended, sizeof found) != 0;
  }

 private:
  femode_t mode_{};
};

// Puts the mode back that there was. Foreign code may leave another: a library linked with -ffast-math turns denormals to
// zero as it is loaded.
class FloatModeGuard {
 public:
  FloatModeGuard() = default;
  ~FloatModeGuard() { before_.put_back(); }
  FloatModeGuard(const FloatModeGuard &) = delete;
  FloatModeGuard &operator=(const FloatModeGuard &) = delete;

 private:
  const FloatMode before_;
};

// The mode that every process begins with, until the end of the scope.
class DefaultFloatMode : public FloatModeGuard {
 public:
  DefaultFloatMode() noexcept { fesetmode(FE_DFL_MODE); }
};

}  // namespace mrun
