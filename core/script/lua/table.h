// The table library, written anew where LuaJIT's own works for long in one instruction, where no time limit reaches.
#pragma once
#include <lua.hpp>

namespace mrun {

void push_table(lua_State *, int from);  // from: LuaJIT's own

}  // namespace mrun
