// Tensors where Lua would be silent: as a key, labels[x:argmax() + 1] is nil; in a condition, if x:gt(1), one is true
// whatever it holds; to a number one is never equal. Lua asks nobody there: instrument.h puts calls into a script's text.
#pragma once
#include <lua.hpp>

namespace mrun {

void open_tensor_checks(lua_State *);  // what prelude.lua needs for them, into the table on top of the stack
void add_tensor_checks(lua_State *);   // what a script's text calls, likewise; names that none has by chance

}  // namespace mrun
