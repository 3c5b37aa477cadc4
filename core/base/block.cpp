#include "base/block.h"

namespace mrun {

// A list of lists of lists … is destroyed level by level, not by as many nested calls: those would overflow the stack.
void Block::destroy() noexcept {
  constexpr int nested_at_most = 64;  // far below what the smallest of threads' stacks holds
  thread_local int nested = 0;
  thread_local Block *later = nullptr;
  if (nested == nested_at_most) {
    next_ = later;
    later = this;
    return;
  }
  ++nested;
  delete this;
  while (nested == 1 && later != nullptr) {
    Block *const block = later;
    later = block->next_;
    delete block;
  }
  --nested;
}

}  // namespace mrun
