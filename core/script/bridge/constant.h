// Params: maps and lists that behave as read-only tables. They are not copied into Lua: all states of an engine share them.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

void open_constants(lua_State *);
void push_constant(lua_State *, const Value &);  // a read-only view of a map or list

}  // namespace mrun
