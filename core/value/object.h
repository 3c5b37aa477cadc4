// An instance of a plugin's type, counted; destroyed by the type's own function with the last reference.
#pragma once
#include <mrun/plugin.h>

#include <cstdint>
#include <memory>
#include <thread>

#include "base/budget.h"
#include "base/let_go.h"
#include "base/mutex.h"
#include "value/tensor.h"

namespace mrun {
// By the type's own function, where it has one.
inline void destroy_object(const mrun_type *type, void *self) noexcept {
  if (type->destroy != nullptr) let_go(type->name, [&] { type->destroy(self); });
}
}  // namespace mrun

// Named by types.h.
struct mrun_object : mrun::Block {
  mrun_object(const mrun_type *t, void *s) : type(t), self(s) {}
  ~mrun_object() override {
    mrun::destroy_object(type, self);
    if (budget) budget->charge(-charged);
  }
  bool shareable() const { return (type->flags & MRUN_TYPE_SHAREABLE) != 0; }

  const mrun_type *const type;
  void *const self;
  std::shared_ptr<mrun::Budget> budget;  // of the item whose call made it; null where nothing is charged
  int64_t charged = 0;                   // native bytes, given back with it
  // For types with to_tensor: the tensor it stands for, made once (tensor_of in plugin/call.cpp), and who makes it now. The
  // lock is not held meanwhile: to_tensor may call back.
  mrun::Mutex mutex;
  mrun::Condition told;
  std::thread::id maker GUARDED_BY(mutex);
  mrun::Tensor tensor GUARDED_BY(mutex);
  std::atomic<bool> busy{false};  // a method of a type that is not shareable runs
};

namespace mrun {
Value object_value(const mrun_type *type, void *self);  // takes over self, also when it throws
}
