// The coroutine library, and the functions that must be written in Lua (prelude.lua).
#pragma once
#include <initializer_list>
#include <lua.hpp>

namespace mrun {

void open_prelude(lua_State *, int globals);  // globals: LuaJIT's
void push_coroutine(lua_State *, int from);   // from: LuaJIT's own
// Sets fields of the table on top of the stack to the prelude's functions of these names.
void add_prelude(lua_State *, std::initializer_list<const char *> names);

}  // namespace mrun
