// What may be meant, for errors whose text alone does not lead to the repair.
#pragma once
#include <lua.hpp>

namespace mrun {

void open_hints(lua_State *);  // Vm::with_hint and Vm::argument_hint

}  // namespace mrun
