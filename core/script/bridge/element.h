// One element of a CPU tensor, to Lua and from it.
#pragma once
#include <lua.hpp>

#include "value/tensor.h"

namespace mrun {

// A number, or a boolean of a bool tensor. A 64-bit integer beyond 2^53 is refused, never rounded; so are complex numbers.
void push_element(lua_State *, DLDataType, const void *);
// Writes the value at `index`: a boolean to bool, else a number that the type holds exactly (floats round). Throws
// ARGUMENT.
void write_element(lua_State *, int index, DLDataType, void *);

}  // namespace mrun
