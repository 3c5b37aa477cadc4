// Calls of native operations from Lua.
#pragma once
#include "script/convert.h"

namespace mrun {

struct NativeOperation {
  const OperationSet *set = nullptr;
  std::string what;       // for errors: "image.resize: an argument"
  bool once = false;      // MRUN_OP_ONCE: the result is shared by the engine's states
  bool callable = false;  // may call back or wait: called through a Task
  bool retry = false;     // may be called again after a collection when it ran out of native memory
};

// A call's arguments as borrowed values; a last table with string keys is given as keywords. They live as long as the
// Arena::Scope.
struct Given {
  std::span<const mrun_value> positional;
  mrun_value keywords{};
};
Given read_arguments(lua_State *, Reader &, int first);

// Pushes the function of an operation. Throws MISSING.
void push_operation(lua_State *, const std::string &name);
// `native` of std modules.
void push_native(lua_State *);
// The core's own functions, "core.asset@1" …; null if there is none.
lua_CFunction core_function(std::string_view name);

}  // namespace mrun
