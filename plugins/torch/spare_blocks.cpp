#include "spare_blocks.h"

#include <c10/core/impl/alloc_cpu.h>

#include <array>
#include <new>
#include <utility>

namespace mrun_torch {
namespace {

constexpr size_t granule = 64, most_kept = size_t{16} << 10;  // bytes of a block
#ifdef __SANITIZE_ADDRESS__
constexpr size_t most_spare = 0;  // whoever looks at a freed block is caught
#else
constexpr size_t most_spare = size_t{8} << 20;  // bytes of a thread: some 2,000 tensors of 1,000 floats
#endif

struct Spare {
  Spare *next;
};

// What a thread frees behind the end of its own storage goes to the system.
thread_local bool ended = false;

class SpareBlocks {
 public:
  SpareBlocks() = default;
  ~SpareBlocks() {
    for (Spare *&list : lists_) {
      while (list != nullptr) c10::free_cpu(std::exchange(list, list->next));
    }
    ended = true;
  }
  SpareBlocks(const SpareBlocks &) = delete;
  SpareBlocks &operator=(const SpareBlocks &) = delete;

  void *take(size_t granules) {
    Spare *&list = lists_[granules];
    if (list == nullptr) return nullptr;
    bytes_ -= granules * granule;
    return std::exchange(list, list->next);
  }
  bool give(void *block, size_t granules) {
    if (bytes_ + granules * granule > most_spare) return false;
    bytes_ += granules * granule;
    Spare *&list = lists_[granules];
    list = new (block) Spare{list};
    return true;
  }

 private:
  std::array<Spare *, most_kept / granule + 1> lists_{};  // by granules
  size_t bytes_ = 0;
};

thread_local SpareBlocks spare;

size_t granules_of(size_t bytes) { return (bytes + granule - 1) / granule; }

}  // namespace

void *take_block(size_t bytes) {
  if (bytes > most_kept) return c10::alloc_cpu(bytes);
  void *const block = ended ? nullptr : spare.take(granules_of(bytes));
  return block != nullptr ? block : c10::alloc_cpu(granules_of(bytes) * granule);
}

void give_block(void *block, size_t bytes) noexcept {
  if (bytes > most_kept || ended || !spare.give(block, granules_of(bytes))) c10::free_cpu(block);
}

}  // namespace mrun_torch
