// Read-only tables: libraries and modules, which all scripts of a state share, and all items that run in it: what one could
// write, others would read. A frozen table is an empty one whose metatable leads to the real one, which no script can name.
#pragma once
#include <lua.hpp>

namespace mrun {

// An empty table that shows the table on top of the stack, read-only; replaces it.
void freeze(lua_State *);
// Pushes the table behind a frozen one; false, and nothing pushed, where the value at index is none.
bool push_frozen(lua_State *, int index);

}  // namespace mrun
