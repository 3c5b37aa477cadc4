// The lock of libraries with global state (MRUN_OP_SERIAL, and backends that are not parallel): there is one for all
// plugins of the process. So no two calls of one such library run at once, whichever of its operations or models they
// are, and two that call back into each other's plugins cannot wait for each other.
#pragma once
#include <chrono>
#include <functional>
#include <string>

namespace mrun {

struct Plugin;

// How often those who wait look at whether they must end.
inline constexpr auto stop_look = std::chrono::milliseconds(5);

// Of one thread: guards go in the reverse of the order in which they came. Wants no memory, so destructors may have one.
class SerialGuard {
 public:
  // Waits until no other thread is inside; where `stopped` gives a code meanwhile, throws that. Throws USAGE, beginning
  // with `what`, where this thread is inside the same plugin already: its callback came back. `serial` false: nothing.
  SerialGuard(bool serial, const Plugin &, const std::string &what, const std::function<int()> &stopped);
  ~SerialGuard();
  SerialGuard(const SerialGuard &) = delete;
  SerialGuard &operator=(const SerialGuard &) = delete;

 private:
  const Plugin *const plugin_;  // null: not serial
  const SerialGuard *const outer_;
};

}  // namespace mrun
