// How tables are gone through: pairs, next, ipairs and unpack, in an order that is the same every time.
#pragma once
#include <lua.hpp>

namespace mrun {

// Puts them into the table of basic functions on top of the stack, which has LuaJIT's own ipairs.
void add_traversal(lua_State *);

}  // namespace mrun
