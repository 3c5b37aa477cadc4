#include "script/vm/shared_store.h"

#include <map>

#include "base/error.h"
#include "base/mutex.h"
#include "base/text.h"
#include "value/map_tensors.h"
#include "value/root.h"
#include "value/size.h"

namespace mrun {
namespace {

constexpr auto look = std::chrono::milliseconds(5);  // at whether those who wait must end

// The same without what is an item's input, which goes with its answer: such tensors are copied. Those of another device are
// only nobody's input from here on.
Value detached(const Value &v) {
  return map_tensors(v, [](const Tensor &t) {
    if (root_of(t.c()) == 0) return t;
    return t.on_cpu() ? t.clone() : with_root(t, 0);
  });
}

}  // namespace

struct SharedStore::Impl {
  struct Slot {
    const void *maker = nullptr;  // while it is being made
    Value value;
  };
  Mutex mutex;
  Condition changed;
  std::map<std::string, Slot> slots GUARDED_BY(mutex);
  std::map<const void *, std::string> waiting GUARDED_BY(mutex);  // maker -> the key that it waits for
  int64_t bytes GUARDED_BY(mutex) = 0;

  const Value *wait_for(const std::string &key, const void *maker, const std::function<void()> &poll) REQUIRES(mutex);
  void keep(const std::string &key, Value, int64_t most) EXCLUDES(mutex);
  // Whether `maker` itself makes what the maker of `key` waits for, however many wait between them.
  bool needs(std::string key, const void *maker) const REQUIRES(mutex) {
    for (;;) {
      const auto slot = slots.find(key);
      if (slot == slots.end() || slot->second.maker == nullptr) return false;
      if (slot->second.maker == maker) return true;
      const auto next = waiting.find(slot->second.maker);
      if (next == waiting.end()) return false;
      key = next->second;
    }
  }
};

namespace {

std::string readable(const std::string &key) { return printable(key.substr(key.find(':') + 1), 60); }

}  // namespace

SharedStore::SharedStore() : impl_(std::make_unique<Impl>()) {}
SharedStore::~SharedStore() = default;

// The value of `key`, once it is made; null where nobody makes it.
const Value *SharedStore::Impl::wait_for(const std::string &key, const void *maker, const std::function<void()> &poll) {
  for (;;) {
    const auto slot = slots.find(key);
    if (slot == slots.end()) return nullptr;
    if (slot->second.maker == nullptr) return &slot->second.value;
    if (needs(key, maker)) {
      fail(MRUN_SCRIPT, "bundle.shared \"{}\" needs itself, directly or through what another worker is making",
           readable(key));
    }
    waiting[maker] = key;
    changed.wait_until(mutex, std::chrono::steady_clock::now() + look);
    waiting.erase(maker);
    const Unlocked unlocked(mutex);  // poll is the asker's: it may throw, and it may take its time
    poll();
  }
}

void SharedStore::Impl::keep(const std::string &key, Value value, int64_t most) {
  const int64_t size = bytes_of(value.c()) + static_cast<int64_t>(key.size());
  const ExclusiveLock lock(mutex);
  if (size > most - bytes) {
    fail(MRUN_QUOTA, "bundle.shared \"{}\": more than {} bytes would be shared", readable(key), most);
  }
  bytes += size;
  slots[key] = {nullptr, std::move(value)};
}

Value SharedStore::get(const std::string &key, const void *maker, const std::function<Value()> &make,
                       const std::function<void()> &poll) {
  {
    const ExclusiveLock lock(impl_->mutex);
    if (const Value *made = impl_->wait_for(key, maker, poll)) return *made;
    impl_->slots[key].maker = maker;
  }
  // Gives the place up again where `make` fails.
  struct Giving {
    Impl &impl;
    const std::string &key;
    bool made = false;
    ~Giving() {
      if (!made) {
        const ExclusiveLock again(impl.mutex);
        impl.slots.erase(key);
      }
      impl.changed.notify_all();
    }
  } giving{*impl_, key};
  // Without the lock: it runs a script or a plugin, which may ask for other keys. Detached, since it outlives the item.
  Value value = detached(make());
  impl_->keep(key, value, most_bytes);
  giving.made = true;
  return value;
}

}  // namespace mrun
