// The basic functions, which every script has as globals.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

void push_base(lua_State *, int from);  // from: LuaJIT's globals
int text_of(lua_State *, Vm &);         // tostring

}  // namespace mrun
