// Model calls suspend the script: begin, yield (in prelude.lua), results.
#pragma once
#include "script/host.h"

namespace mrun {

// Throws where the script cannot be suspended here.
void begin_model_call(lua_State *, Host &, ModelCall);
// What the engine gave back; throws its error.
std::vector<Value> take_model_results(Host &);

int model_begin(lua_State *, Host &);    // (method, self, ...): checks the arguments
int model_results(lua_State *, Host &);  // -> results...

}  // namespace mrun
