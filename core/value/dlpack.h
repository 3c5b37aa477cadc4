// DLPack structs that come from outside: what can be checked, and the versioned struct of DLPack 1.x.
#pragma once
#include "value/owned_dlpack.h"
#include "value/tensor.h"

#if !defined(DLPACK_MAJOR_VERSION)  // a header before 1.0: the layout is the standard's
typedef struct {
  uint32_t major, minor;
} DLPackVersion;
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
};
#endif

namespace mrun {

struct MemoryRange {
  const char *first = nullptr, *end = nullptr;
  int64_t bytes() const { return end - first; }
};

// The bytes that a tensor's elements lie in, by its own numbers; nothing is read. Throws USAGE, beginning with `what`,
// where these make no sense: negative, overflowing, elements without memory.
MemoryRange memory_range(const DLTensor &, const char *what);

// Throws USAGE for what is the dtype of no tensor here.
void check_dtype(DLDataType, const char *what);

// A tensor from outside: its numbers make sense, dtype and device are known, its elements are aligned. Throws USAGE.
MemoryRange check_tensor(const DLTensor &, const char *what);

// Both take over dl, also when they throw.
Tensor given_tensor(DLManagedTensor *dl, const char *what);
Tensor given_tensor(DLManagedTensorVersioned *dl, const char *what);

// They share the memory and keep it alive; whoever has one calls its deleter once.
DLManagedTensor *export_tensor(const Tensor &);
DLManagedTensorVersioned *export_versioned(const Tensor &);

}  // namespace mrun
