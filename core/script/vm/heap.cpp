#include "script/vm/heap.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace mrun {
namespace {

// One instruction can copy hundreds of megabytes (`s .. s`), so instructions alone do not measure time.
constexpr int64_t most_churn = int64_t{32} << 20;

#ifdef __SANITIZE_ADDRESS__
constexpr int64_t most_spare = 0;  // whoever looks at a freed block is caught
#else
constexpr int64_t most_spare = int64_t{1} << 20;  // bytes
#endif

}  // namespace

size_t Heap::granules(size_t size) { return (size + granule - 1) / granule; }

size_t Heap::room_for(size_t size) { return size > most_kept ? size : granules(size) * granule; }

Heap::~Heap() {
  for (Spare *&list : spare_) {
    while (list != nullptr) std::free(std::exchange(list, list->next));
  }
}

void *Heap::take(size_t size) {
  const size_t room = room_for(size);
  if (size > most_kept || spare_[granules(size)] == nullptr) return std::malloc(room);
  spare_bytes_ -= static_cast<int64_t>(room);
  Spare *&list = spare_[granules(size)];
  return std::exchange(list, list->next);
}

void Heap::give(void *block, size_t size) {
  if (block == nullptr) return;
  const auto room = static_cast<int64_t>(room_for(size));
  if (size > most_kept || spare_bytes_ + room > most_spare) return std::free(block);
  spare_bytes_ += room;
  Spare *&list = spare_[granules(size)];
  list = new (block) Spare{list};
}

void *Heap::resize(void *block, size_t old_size, size_t size) {
  if (old_size > most_kept && size > most_kept) return std::realloc(block, size);
  if (block != nullptr && room_for(old_size) == room_for(size)) return block;
  void *const moved = take(size);
  if (moved == nullptr && size < old_size) return block;  // LuaJIT counts on it that blocks can shrink
  if (moved == nullptr || block == nullptr) return moved;
  std::memcpy(moved, block, std::min(old_size, size));
  give(block, old_size);
  return moved;
}

void *Heap::allocate(void *heap, void *block, size_t old_size, size_t size) {
  Heap &h = *static_cast<Heap *>(heap);
  if (size == 0) {
    h.give(block, old_size);
    h.used -= static_cast<int64_t>(old_size);
    return nullptr;
  }
  const int64_t growth = static_cast<int64_t>(size) - static_cast<int64_t>(old_size);
  void *moved = growth > 0 && growth > h.limit - h.used ? nullptr : h.resize(block, old_size, size);
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
