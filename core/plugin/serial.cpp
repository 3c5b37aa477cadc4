#include "plugin/serial.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"

namespace mrun {
namespace {

constexpr auto look = std::chrono::milliseconds(5);  // at whether those who wait must end

class TheLock {
 public:
  void take(const std::function<int()> &stopped) {
    const ExclusiveLock lock(mutex_);
    while (taken_) {
      free_.wait_until(mutex_, std::chrono::steady_clock::now() + look);
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

// The plugins that this thread is inside, outermost first; it has the lock while there are any.
thread_local std::vector<const Plugin *> inside;

}  // namespace

SerialGuard::SerialGuard(bool serial, const Plugin &plugin, const std::string &what,
                         const std::function<int()> &stopped)
    : serial_(serial) {
  if (!serial_) return;
  if (std::find(inside.begin(), inside.end(), &plugin) != inside.end()) {
    fail(MRUN_USAGE, "{}: its plugin runs already on this thread, and never runs twice at once", what);
  }
  inside.reserve(inside.size() + 1);
  if (inside.empty()) the_lock().take(stopped);
  inside.push_back(&plugin);
}

SerialGuard::~SerialGuard() {
  if (!serial_) return;
  inside.pop_back();
  if (inside.empty()) the_lock().give();
}

}  // namespace mrun
