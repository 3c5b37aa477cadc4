#include "script/vm/hook.h"

#include "script/vm/fiber.h"

namespace mrun {
namespace {

constexpr int period = 1000;  // instructions

// The code the running item must end with, or MRUN_OK.
int stop_code(FiberImpl &fiber, Clock::time_point now) {
  if (now >= fiber.deadline) {
    int none = MRUN_OK;
    fiber.item->stop.compare_exchange_strong(none, MRUN_TIMEOUT);
  }
  return fiber.item->stopped();
}

void collect_garbage(Vm &vm) {
  if (vm.used < vm.soft_limit) return;
  vm.collect();
  // Not again before half of what is left has gone.
  const int64_t low = vm.limit - vm.limit / 4;
  vm.soft_limit = std::max(low, vm.used + (vm.limit - vm.used) / 2);
}

// Ends a script by yielding: nothing that the script can catch. Where it cannot yield (inside table.sort, say) by an
// error, and the hooks that follow at once finish the job.
void hook(lua_State *L, lua_Debug *) {
  Vm &vm = vm_of(L);
  FiberImpl *const fiber = vm.fiber;
  if (fiber == nullptr) return;
  const auto now = Clock::now();
  if (stop_code(*fiber, now) != MRUN_OK) {
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    if (lua_isyieldable(L) != 0) {
      lua_yield(L, 0);
    } else {
      luaL_error(L, "the script must end");
    }
    return;
  }
  if (lua_gethookcount(L) != period) lua_sethook(L, hook, LUA_MASKCOUNT, period);
  collect_garbage(vm);
  if (now >= fiber->slice_end && L == fiber->co() && lua_isyieldable(L) != 0) {
    fiber->preempted = true;
    lua_yield(L, 0);
  }
}

}  // namespace

void open_hook(lua_State *L) {
  lua_sethook(L, hook, LUA_MASKCOUNT, period);
  vm_of(L).interrupt = poll_soon;
}

void poll_soon(lua_State *L) { lua_sethook(L, hook, LUA_MASKCOUNT, 1); }

void poll(lua_State *L) {
  const Vm &vm = vm_of(L);
  if (vm.fiber == nullptr) return;
  const int code = stop_code(*vm.fiber, Clock::now());
  if (code == MRUN_OK) return;
  poll_soon(L);
  fail(static_cast<mrun_code>(code), "{}", code == MRUN_CANCELLED ? "cancelled" : "the script ran out of time");
}

}  // namespace mrun
