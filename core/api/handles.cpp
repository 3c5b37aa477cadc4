#include "api/handles.h"

#include <pthread.h>
#include <unistd.h>

#include <unordered_map>

#include "base/mutex.h"
#include "base/process_end.h"

namespace mrun::api {
namespace {

// Any thread. What is removed is destroyed by its last user, without the lock.
template <class T>
class Handles {
 public:
  // Handles may be used while the process ends: the table is never destroyed.
  static Handles &all() {
    static Handles *const table = new Handles;
    return *table;
  }

  T *add(std::shared_ptr<T> what) {
    const ExclusiveLock lock(mutex_);
    const uintptr_t number = step * ++count_;
    open_.emplace(number, std::move(what));
    return reinterpret_cast<T *>(number);  // opaque to hosts, and never read through
  }
  std::shared_ptr<T> find(const T *handle) const {
    const ExclusiveLock lock(mutex_);
    const auto at = open_.find(reinterpret_cast<uintptr_t>(handle));
    return at == open_.end() ? nullptr : at->second;
  }
  std::shared_ptr<T> remove(const T *handle) {
    const ExclusiveLock lock(mutex_);
    auto node = open_.extract(reinterpret_cast<uintptr_t>(handle));
    return node.empty() ? nullptr : std::move(node.mapped());
  }

 private:
  // A fork while another thread has the lock would leave it locked in the child.
  Handles() {
    constexpr auto unlock = []() NO_THREAD_SAFETY_ANALYSIS { all().mutex_.unlock(); };
    pthread_atfork([]() NO_THREAD_SAFETY_ANALYSIS { all().mutex_.lock(); }, unlock, unlock);
  }

  static constexpr uintptr_t step = 64;  // aligned as a pointer would be
  mutable Mutex mutex_;
  std::unordered_map<uintptr_t, std::shared_ptr<T>> open_ GUARDED_BY(mutex_);
  uintptr_t count_ GUARDED_BY(mutex_) = 0;
};

template <class T>
std::shared_ptr<T> find_open(const T *handle, const char *what, const char *end) {
  if (handle == nullptr) fail(MRUN_USAGE, "the {} is NULL", what);
  std::shared_ptr<T> found = Handles<T>::all().find(handle);
  if (found == nullptr) fail(MRUN_USAGE, "this is no open {}: it was {} already, or never was one", what, end);
  return found;
}

}  // namespace

std::shared_ptr<const mrun_bundle> find(const mrun_bundle *handle) { return find_open(handle, "bundle", "closed"); }
std::shared_ptr<mrun_engine> find(mrun_engine *handle) {
  return find_open(static_cast<const mrun_engine *>(handle), "engine", "stopped");
}
mrun_bundle *keep(std::shared_ptr<mrun_bundle> bundle) { return Handles<mrun_bundle>::all().add(std::move(bundle)); }
mrun_engine *keep(std::shared_ptr<mrun_engine> engine) { return Handles<mrun_engine>::all().add(std::move(engine)); }

}  // namespace mrun::api

using namespace mrun::api;

extern "C" {

int mrun_close(mrun_bundle *bundle) {
  if (bundle == nullptr) return MRUN_OK;
  return guard(nullptr, [&] {
    find(bundle);
    Handles<mrun_bundle>::all().remove(bundle);
  });
}

int mrun_stop(mrun_engine *engine) {
  if (engine == nullptr) return MRUN_OK;
  return guard(nullptr, [&] {
    find(engine)->session->stop();
    auto stopped = Handles<mrun_engine>::all().remove(engine);
    // Of another process, which a fork copied, its threads are not here, and what they wait for cannot be taken apart; once the
    // process ends, what they have not let go of cannot.
    if (stopped != nullptr && (stopped->process != ::getpid() || mrun::process_ends())) {
      new std::shared_ptr(std::move(stopped));
    }
  });
}

}  // extern "C"
