// Handles: every userdata of a state begins with one, so what a userdata is needs no look at its metatable. (Scripts
// cannot make userdata.)
#pragma once
#include "script/vm/vm.h"

namespace mrun {

struct Handle {
  enum Kind : uint32_t { value, constant, model, method, error, task } kind;
  uint32_t model_index = 0, method_index = 0;  // of model (UINT32_MAX: all of them) and method
  uint32_t on_heap = 0;                        // of Heap::used
  mrun_value held{};                           // of value (a tensor or an object) and constant: owned
  int64_t counted = 0;                         // of Vm::native_bytes
  void *pointer = nullptr;                     // of error and task
  void (*destroy)(void *) = nullptr;           // of the pointer, where it is owned
};
// Counts native memory behind a handle: Lua's collector sees a handle of some bytes and would let gigabytes wait. Of the
// Lua heap are the blocks that any object or tensor takes beside its bytes: as many of these as a script likes are no less
// memory. Throws where the heap has no room for them.
void count_native(Vm &, Handle &, int64_t bytes);
inline constexpr uint32_t all_models = UINT32_MAX;

inline Handle *handle_at(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TUSERDATA ? static_cast<Handle *>(lua_touserdata(L, index)) : nullptr;
}
inline Handle *handle_at(lua_State *L, int index, Handle::Kind kind) {
  Handle *h = handle_at(L, index);
  return h != nullptr && h->kind == kind ? h : nullptr;
}
inline bool is_tensor(const Handle *h) {
  return h != nullptr && h->kind == Handle::value && h->held.kind == MRUN_TENSOR;
}

// Pushes a new handle with the metatable that is anchored there.
Handle &push_handle(lua_State *L, Handle::Kind, int metatable);
// An object of a type with to_tensor stands for a tensor.
inline bool stands_for_tensor(const Handle *h) {
  return h != nullptr && h->kind == Handle::value && h->held.kind == MRUN_OBJECT &&
         h->held.as.object->type->to_tensor != nullptr;
}
int collect_handle(lua_State *);  // __gc of all of them
// Starts a metatable: hidden from scripts, with __gc. It is on top of the stack then.
void begin_metatable(lua_State *);

}  // namespace mrun
