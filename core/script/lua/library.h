// What the files of this folder have in common: each pushes one library's table, made of what is harmless in LuaJIT's
// and of functions in place of the rest.
#pragma once
#include <lua.hpp>
#include <span>

namespace mrun {

// Pushes a new table with these fields of the table at `from`.
void take(lua_State *, int from, std::span<const char *const> names);

}  // namespace mrun
