// Objects of plugins' types in Lua.
#pragma once
#include "script/vm/handle.h"

namespace mrun {

void open_objects(lua_State *);
void push_object(lua_State *, const mrun_value &);
void set_object_methods(lua_State *, const std::string &type, int table);
// Makes the handle of an object that stands for a tensor that tensor's, for good, so that it is computed once. Throws what computing the tensor
// fails with.
void settle(lua_State *, int index);

}  // namespace mrun
