// The math library, with random numbers of the item: the same in every run, whatever else its state has run.
#pragma once
#include <lua.hpp>

namespace mrun {

void push_math(lua_State *, int from);  // from: LuaJIT's own

}  // namespace mrun
