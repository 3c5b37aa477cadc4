#include "plugin/serial.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace mrun {
namespace {

std::mutex &the_lock() {
  static auto *const mutex = new std::mutex;  // calls may run while the process ends
  return *mutex;
}

// The plugins that this thread is inside, outermost first; it has the lock while there are any.
thread_local std::vector<const Plugin *> inside;

}  // namespace

SerialGuard::SerialGuard(bool serial, const Plugin &plugin, const std::string &what) : serial_(serial) {
  if (!serial_) return;
  if (std::find(inside.begin(), inside.end(), &plugin) != inside.end()) {
    fail(MRUN_USAGE, "{}: its plugin runs already on this thread, and never runs twice at once", what);
  }
  inside.reserve(inside.size() + 1);
  if (inside.empty()) the_lock().lock();
  inside.push_back(&plugin);
}

SerialGuard::~SerialGuard() {
  if (!serial_) return;
  inside.pop_back();
  if (inside.empty()) the_lock().unlock();
}

}  // namespace mrun
