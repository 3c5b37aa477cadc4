#include "script/vm/hook.h"

#include <algorithm>

#include "script/vm/errors.h"
#include "script/vm/fiber.h"

namespace mrun {
namespace {

// The code the running item must end with, or MRUN_OK.
int stop_code(FiberImpl &fiber, Clock::time_point now) {
  if (now >= fiber.deadline) {
    int none = MRUN_OK;
    fiber.item->stop.compare_exchange_strong(none, MRUN_TIMEOUT);
  }
  return fiber.item->stopped();
}

// LuaJIT collects by the heap's growth, and not where an allocation is refused: near the limit garbage alone would end a script.
void collect_garbage(Vm &vm) {
  if (vm.used < vm.soft_limit) return;
  vm.collect();
  // Not again before half of what is left has gone.
  const int64_t low = vm.limit - vm.limit / 4;
  vm.soft_limit = std::max(low, vm.used + (vm.limit - vm.used) / 2);
}

// Where the script was when it had to end: the loop's own line, whatever coroutine it runs in.
// Unknown where memory has ended: nothing may be thrown through a hook.
void note_place(lua_State *L, FiberImpl &fiber) {
  if (fiber.stopped_at) return;
  try {
    locate(L, fiber.stopped_at.emplace(MRUN_OK, ""));
  } catch (const std::bad_alloc &) { fiber.stopped_at.emplace(MRUN_OK, ""); }
}

// Ends a script by yielding: nothing that the script can catch. Where it cannot yield (inside table.sort, say) by an
// error, and the hooks that follow at once finish the job.
void hook(lua_State *L, lua_Debug *) {
  Vm &vm = vm_of(L);
  FiberImpl *const fiber = vm.fiber;
  if (fiber == nullptr) return;
  const auto now = vm.now();
  if (stop_code(*fiber, now) != MRUN_OK) {
    note_place(L, *fiber);
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    if (lua_isyieldable(L) != 0) {
      lua_yield(L, 0);
    } else {
      luaL_error(L, "the script must end");
    }
    return;
  }
  // After poll_soon(), or an item that had to end: back to the usual period.
  if (lua_gethookcount(L) != vm.options.look_period) lua_sethook(L, hook, LUA_MASKCOUNT, vm.options.look_period);
  collect_garbage(vm);
  // Between the begin of a model call and its yield a yield of the slice would be taken for that of the call.
  if (fiber->slice_over(now) && !fiber->pending && L == fiber->co() && lua_isyieldable(L) != 0) {
    fiber->preempted = true;
    lua_yield(L, 0);
  }
}

}  // namespace

// LuaJIT has one hook for all coroutines of a state, so those that a script makes have it from the start.
void open_hook(lua_State *L) {
  lua_sethook(L, hook, LUA_MASKCOUNT, vm_of(L).options.look_period);
  vm_of(L).interrupt = poll_soon;
}

void poll_soon(lua_State *L) { lua_sethook(L, hook, LUA_MASKCOUNT, 1); }

void poll(lua_State *L) {
  const Vm &vm = vm_of(L);
  if (vm.fiber == nullptr || stop_code(*vm.fiber, vm.now()) == MRUN_OK) return;
  note_place(L, *vm.fiber);
  poll_soon(L);
  throw vm.fiber->stop_error();
}

}  // namespace mrun
