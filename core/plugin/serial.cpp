#include "plugin/serial.h"

#include "base/error.h"
#include "base/mutex.h"

namespace mrun {
namespace {

class TheLock {
 public:
  void take(const std::function<int()> &stopped) {
    const ExclusiveLock lock(mutex_);
    while (taken_) {
      free_.wait_until(mutex_, std::chrono::steady_clock::now() + stop_look);
      if (const int code = stopped(); taken_ && code != MRUN_OK) throw Error(static_cast<mrun_code>(code), "");
    }
    taken_ = true;
  }
  void give() {
    {
      const ExclusiveLock lock(mutex_);
      taken_ = false;
    }
    free_.notify_one();
  }

 private:
  Mutex mutex_;
  Condition free_;
  bool taken_ GUARDED_BY(mutex_) = false;
};

TheLock &the_lock() {
  static auto *const lock = new TheLock;  // calls may run while the process ends
  return *lock;
}

// What this thread is inside of; it has the lock while there is any. A pointer, since an object with a destructor would be
// registered with the C library at its first use, which ends the process where memory has run out.
thread_local const SerialGuard *innermost = nullptr;

}  // namespace

SerialGuard::SerialGuard(bool serial, const Plugin &plugin, const std::string &what,
                         const std::function<int()> &stopped)
    : plugin_(serial ? &plugin : nullptr), outer_(innermost) {
  if (!serial) return;
  for (const SerialGuard *guard = innermost; guard != nullptr; guard = guard->outer_) {
    if (guard->plugin_ != &plugin) continue;
    fail(MRUN_USAGE, "{}: its plugin runs already on this thread, and never runs twice at once", what);
  }
  if (innermost == nullptr) the_lock().take(stopped);
  innermost = this;
}

SerialGuard::~SerialGuard() {
  if (plugin_ == nullptr) return;
  innermost = outer_;
  if (innermost == nullptr) the_lock().give();
}

}  // namespace mrun
