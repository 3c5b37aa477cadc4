// The limits of a running script: a count hook that looks at the item's stop flag, the slice's end and the heap. A hook is
// the only way into a running script, and compiled code runs none: LuaJIT's compiler is off. Functions in C that may work
// for long on one instruction (patterns, sorting, long copies) call poll themselves.
#pragma once

struct lua_State;

namespace mrun {

void open_hook(lua_State *);
void poll_soon(lua_State *);  // the hook runs before the next instruction
// For native loops over data from scripts: throws TIMEOUT or CANCELLED where the item must end. Cheap.
void poll(lua_State *);

}  // namespace mrun
