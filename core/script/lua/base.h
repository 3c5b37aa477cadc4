// The basic functions, which every script has as globals.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

void push_base(lua_State *, int from);         // from: LuaJIT's globals
int text_of(lua_State *, Vm &);                // tostring: as in Lua 5.1, what __tostring returns need not be a text
void push_plain_text(lua_State *, int index);  // the same without __tostring

}  // namespace mrun
