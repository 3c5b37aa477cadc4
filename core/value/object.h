// An instance of a plugin's type, counted; destroyed by the type's own function with the last reference.
#pragma once
#include <mrun/plugin.h>

#include <mutex>

#include "base/let_go.h"
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
  ~mrun_object() override { mrun::destroy_object(type, self); }
  bool shareable() const { return (type->flags & MRUN_TYPE_SHAREABLE) != 0; }

  const mrun_type *const type;
  void *const self;
  // For types with to_tensor: the tensor it stands for, made once, under the lock (tensor_of in plugin/call.cpp).
  std::mutex mutex;
  mrun::Tensor tensor;
  std::atomic<bool> busy{false};  // a method of a type that is not shareable runs
};

namespace mrun {
Value object_value(const mrun_type *type, void *self);  // takes over self, also when it throws
}
