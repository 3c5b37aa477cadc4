// What the files of this folder have in common: each pushes one library's table, made of what is harmless in LuaJIT's
// and of functions in place of the rest.
#pragma once
#include <lua.hpp>
#include <span>

namespace mrun {

// Pushes a new table with these fields of the table at `from`.
void take(lua_State *, int from, std::span<const char *const> names);
// An integer argument as LuaJIT takes it: towards zero; NaN, and what no 32 bits hold, is the least. Throws ARGUMENT where
// it is no number.
int int32_at(lua_State *, int index, const char *function, const char *name);

}  // namespace mrun
