// The string library: find, match, gmatch and gsub over a matcher of its own, format without addresses.
#pragma once
#include <lua.hpp>

namespace mrun {

void push_string(lua_State *, int from);  // from: LuaJIT's own

}  // namespace mrun
