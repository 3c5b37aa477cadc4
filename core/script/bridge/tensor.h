// Tensors in Lua.
#pragma once
#include "script/vm/handle.h"

namespace mrun {

void open_tensors(lua_State *);
// Pushes a tensor; readonly: flagged as such, whatever it was.
void push_tensor(lua_State *, Value, bool readonly = false);
inline void push_tensor(lua_State *L, const mrun_value &v, bool readonly = false) {
  push_tensor(L, Value::copy(v), readonly);
}
// count_native of the bytes that a tensor's elements lie in: one that repeats a few elements holds a few.
void count_tensor(Vm &, Handle &);
// Takes the methods and operators in `table`; those that the core has stay as they are.
void set_tensor_methods(lua_State *, int table);

}  // namespace mrun
