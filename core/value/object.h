// An instance of a plugin's type, counted; destroyed by the type's own function with the last reference.
#pragma once
#include <mrun/plugin.h>

#include <mutex>

#include "value/tensor.h"

// Named by types.h.
struct mrun_object : mrun::Block {
  mrun_object(const mrun_type *t, void *s) : type(t), self(s) {}
  ~mrun_object() override {
    if (type->destroy) type->destroy(self);
  }
  bool shareable() const { return (type->flags & MRUN_TYPE_SHAREABLE) != 0; }

  const mrun_type *const type;
  void *const self;
  // For types with to_tensor: the tensor it stands for, made once.
  std::mutex mutex;
  mrun::Tensor tensor;
  std::atomic<bool> busy{false};  // a method of a type that is not shareable runs
};

namespace mrun {
Value object_value(const mrun_type *type, void *self);  // takes over self
}
