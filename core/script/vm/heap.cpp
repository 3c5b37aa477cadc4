#include "script/vm/heap.h"

#include <cstdlib>

namespace mrun {
namespace {

// One instruction can copy hundreds of megabytes (`s .. s`), so instructions alone do not measure time.
constexpr int64_t most_churn = int64_t{32} << 20;

}  // namespace

void *Heap::allocate(void *heap, void *block, size_t old_size, size_t size) {
  Heap &h = *static_cast<Heap *>(heap);
  if (size == 0) {
    std::free(block);
    h.used -= static_cast<int64_t>(old_size);
    return nullptr;
  }
  const int64_t growth = static_cast<int64_t>(size) - static_cast<int64_t>(old_size);
  void *moved = growth > 0 && growth > h.limit - h.used ? nullptr : std::realloc(block, size);
  if (moved == nullptr) {
    h.refused = h.overflowed = true;
    if (h.note_refusal != nullptr) h.note_refusal(h.L);
    return nullptr;
  }
  h.used += growth;
  // Not while the state is made or closed, when there is no limit: no script runs, and the hook may not be there.
  if (growth > 0 && (h.churn += growth) > most_churn && h.limit != unlimited && h.interrupt != nullptr) {
    h.churn = 0;
    h.interrupt(h.L);
  }
  return moved;
}

}  // namespace mrun
