// The math library, with random numbers of the item.
#pragma once
#include <lua.hpp>

namespace mrun {

void push_math(lua_State *, int from);  // from: LuaJIT's own

}  // namespace mrun
