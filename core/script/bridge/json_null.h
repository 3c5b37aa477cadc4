// json.null: what a null inside a list or map of JSON is in a script. It is one value, which counts as true and can do nothing.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

void open_json_null(lua_State *);
void push_json_null(lua_State *);

}  // namespace mrun
