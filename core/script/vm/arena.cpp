#include "script/vm/arena.h"

#include <algorithm>

namespace mrun {
namespace {
constexpr size_t block_size = 32 << 10;
}

void *Arena::take(size_t bytes) {
  bytes = (bytes + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  // What is left of a block that is too small stays unused until the scope ends.
  while (block_ < blocks_.size() && bytes > blocks_[block_].size - used_) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const size_t size = std::max(bytes, block_size);
    blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  }
  void *at = blocks_[block_].memory.get() + used_;
  used_ += bytes;
  return at;
}

void Arena::shrink() {
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty() && blocks_[0].size > block_size) blocks_.clear();
}

}  // namespace mrun
