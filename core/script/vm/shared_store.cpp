#include "script/vm/shared_store.h"

#include <condition_variable>
#include <map>
#include <mutex>

namespace mrun {

struct SharedStore::Impl {
  struct Slot {
    bool made = false;
    Value value;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Slot> slots;  // one that is not made yet is being made
};

SharedStore::SharedStore() : impl_(std::make_unique<Impl>()) {}
SharedStore::~SharedStore() = default;

Value SharedStore::get(const std::string &key, const std::function<Value()> &make) {
  std::unique_lock lock(impl_->mutex);
  for (;;) {
    const auto slot = impl_->slots.find(key);
    if (slot == impl_->slots.end()) break;
    if (slot->second.made) return slot->second.value;
    impl_->changed.wait(lock);
  }
  impl_->slots.emplace(key, Impl::Slot());
  lock.unlock();
  // Gives the place up again where `make` fails.
  struct Giving {
    Impl &impl;
    const std::string &key;
    bool made = false;
    ~Giving() {
      if (!made) {
        const std::lock_guard again(impl.mutex);
        impl.slots.erase(key);
      }
      impl.changed.notify_all();
    }
  } giving{*impl_, key};
  Value value = make();
  {
    const std::lock_guard again(impl_->mutex);
    impl_->slots[key] = {true, value};
  }
  giving.made = true;
  return value;
}

}  // namespace mrun
