// Memory for libtorch's CPU tensors. A thread keeps the small blocks that it freed for its next tensors: an aligned block of the
// system's allocator takes longer than a small operator's kernel, and a script's collector frees so many at once that the system
// gets their pages back, and has to clear them for the next ones.
#pragma once
#include <cstddef>

namespace mrun_torch {

// Aligned to 64 bytes, not initialized. Throws c10::Error where there is no memory.
void *take_block(size_t bytes);
// bytes: as it was taken. Any thread may give what another one took.
void give_block(void *block, size_t bytes) noexcept;

}  // namespace mrun_torch
