// Model calls suspend the script: begin, yield (in prelude.lua), results. The yield stands in Lua, since a C function of
// LuaJIT cannot go on after one.
#pragma once
#include "script/vm/vm.h"

namespace mrun {

void open_models(lua_State *);

// Checks arguments against the method's schema, fills in defaults. Throws ARGUMENT.
ModelCall bind_model_call(const Vm &, uint32_t model, uint32_t method, std::span<const mrun_value> positional,
                          const mrun_value &keywords);
// Throws where the script cannot be suspended here.
void begin_model_call(lua_State *, Vm &, ModelCall);
// What the engine gave back; throws its error.
std::vector<Value> take_model_results(Vm &);

int model_begin(lua_State *, Vm &);    // (method or nil, self, ...): checks the arguments
int model_results(lua_State *, Vm &);  // -> results...

}  // namespace mrun
