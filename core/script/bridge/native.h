// Calls of native operations from Lua. One that can neither call back nor wait is a plain C function; the others go through
// prelude.lua's `task`, which alone may yield for them.
#pragma once
#include "plugin/call.h"
#include "script/vm/vm.h"

namespace mrun {

struct NativeOperation {
  const OperationSet *set = nullptr;
  std::string what;       // for errors: "image.resize: an argument"
  bool once = false;      // MRUN_OP_ONCE: the result is shared by the engine's states
  bool callable = false;  // may call back or wait: called through a Task
  bool retry = false;     // writes nothing: may be called again after a collection when it ran out of native memory
};

// Runs an operation's call, and once more, without garbage that may have held the memory, where native memory was lacking.
template <class F>
auto with_room(Vm &vm, const NativeOperation &op, F &&call) {
  ItemContext &item = vm.item();
  const uint64_t draws = item.draws.load();
  try {
    return call();
  } catch (const Error &e) {
    if (e.code != MRUN_QUOTA || !op.retry) throw;
  }
  vm.collect();
  item.draws.store(draws);
  return call();
}

// Pushes the function of an operation. Throws MISSING.
void push_operation(lua_State *, const std::string &name);
// `native` of std modules.
void push_native(lua_State *);

}  // namespace mrun
