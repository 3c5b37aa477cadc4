// What a script can name. LuaJIT's libraries are opened once, what is harmless is taken from them by name, and the rest
// is dropped with the tables it lay in.
#pragma once
#include <lua.hpp>

namespace mrun {

void open_sandbox(lua_State *);
// Pushes an environment for a file: every global, and `native` for std modules.
void push_environment(lua_State *, bool std);

}  // namespace mrun
