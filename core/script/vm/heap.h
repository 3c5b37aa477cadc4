// Heap: the memory of one Lua state, counted and capped. The cap is armed after set-up, since LuaJIT does not survive
// running out of memory while it makes a state.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

struct lua_State;

namespace mrun {

struct Heap {
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();
  lua_State *L = nullptr;  // the main state, once it is there
  int64_t used = 0, limit = unlimited;
  bool refused = false;     // there was no memory for an allocation; who wants to know clears it first
  bool overflowed = false;  // ever refused: what ran in this state may have seen its neighbours' memory
  int64_t churn = 0;        // bytes allocated since the limits were last looked at
  void (*interrupt)(lua_State *) = nullptr;     // asks for that look: one instruction can copy hundreds of megabytes
  void (*note_refusal)(lua_State *) = nullptr;  // of where the script stands; may not allocate

  // lua_Alloc; `heap` is a Heap.
  static void *allocate(void *heap, void *block, size_t old_size, size_t size);
};

}  // namespace mrun
