// Heap: the memory of one Lua state, counted and capped. The cap is armed after set-up, since LuaJIT does not survive
// running out of memory while it makes a state.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

struct lua_State;

namespace mrun {

class Heap {
 public:
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();
  Heap() = default;
  ~Heap();
  Heap(const Heap &) = delete;
  Heap &operator=(const Heap &) = delete;
  lua_State *L = nullptr;  // the main state, once it is there
  int64_t used = 0, limit = unlimited;
  bool refused = false;     // there was no memory for an allocation; who wants to know clears it first
  bool overflowed = false;  // ever refused: what ran in this state may have seen its neighbours' memory
  int64_t churn = 0;        // bytes allocated since the limits were last looked at
  void (*interrupt)(lua_State *) = nullptr;     // asks for that look: one instruction can copy hundreds of megabytes
  void (*note_refusal)(lua_State *) = nullptr;  // of where the script stands; may not allocate

  // lua_Alloc; `heap` is a Heap.
  static void *allocate(void *heap, void *block, size_t old_size, size_t size);
  static size_t room_for(size_t size);  // what a block of it has

 private:
  // Blocks of up to `most_kept` bytes are handed out in sizes of whole granules, and one that was freed is the next one of
  // its size: an item's handles come and go faster than the system's allocator gives them.
  static constexpr size_t granule = 16, most_kept = 256;
  struct Spare {
    Spare *next;
  };
  static size_t granules(size_t size);
  void *take(size_t size);
  void give(void *block, size_t size);
  void *resize(void *block, size_t old_size, size_t size);
  std::array<Spare *, most_kept / granule + 1> spare_{};  // by granules
  int64_t spare_bytes_ = 0;
};

}  // namespace mrun
