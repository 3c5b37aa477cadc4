// The table library.
#pragma once
#include <lua.hpp>

namespace mrun {

void push_table(lua_State *, int from);  // from: LuaJIT's own

}  // namespace mrun
