#include "script/vm/fiber.h"

#include "script/vm/errors.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

constexpr auto slice = std::chrono::milliseconds(10);  // others of the state wait no longer
constexpr size_t most_idle = 256;                      // finished coroutines that are kept

// The fiber is the one that runs, whatever is thrown.
class Entered {
 public:
  explicit Entered(FiberImpl &f)
      : vm_(f.vm),
        fiber_(std::exchange(vm_.fiber, &f)),
        item_(std::exchange(vm_.running, f.item.get())),
        stack_base_(std::exchange(vm_.stack_base, reinterpret_cast<const char *>(__builtin_frame_address(0)))) {}
  ~Entered() {
    vm_.fiber = fiber_;
    vm_.running = item_;
    vm_.stack_base = stack_base_;
  }
  Entered(const Entered &) = delete;
  Entered &operator=(const Entered &) = delete;

 private:
  Vm &vm_;
  FiberImpl *const fiber_;
  ItemContext *const item_;
  const char *const stack_base_;
};

}  // namespace

Vm::Thread take_thread(Vm &vm, lua_State *L) {
  if (!vm.idle.empty()) {
    const Vm::Thread thread = vm.idle.back();
    vm.idle.pop_back();
    return thread;
  }
  vm.idle.reserve(most_idle);  // giving one back, which destructors do, then needs no memory
  lua_State *state = lua_newthread(L);
  return {state, anchor(L)};
}

void give_thread(Vm &vm, Vm::Thread thread, bool reusable) {
  if (thread.state == nullptr) return;
  if (reusable && vm.idle.size() < most_idle) {
    // What it held is garbage from here on, so an idle coroutine keeps nothing of an item.
    lua_settop(thread.state, 0);
    vm.idle.push_back(thread);
  } else {
    luaL_unref(vm.L, LUA_REGISTRYINDEX, thread.ref);
  }
}

FiberImpl::FiberImpl(Vm &v, const char *s, std::shared_ptr<ItemContext> i) : vm(v), stage(s), item(std::move(i)) {}

FiberImpl::~FiberImpl() {
  // Each takes itself out of `tasks`.
  while (!tasks.empty()) tasks.back()->end();
  give_thread(vm, thread, reusable);
}

bool FiberImpl::slice_over(Clock::time_point now) {
  if (slice_end == Clock::time_point()) slice_end = now + slice;
  return now >= slice_end;
}

FiberStatus FiberImpl::run(int given) {
  const Entered entered(*this);
  slice_end = {};
  preempted = false;
  const int status = lua_resume(co(), given);
  FiberStatus result;
  try {
    // Only the order of the questions tells which of these it is. A script that must end was made to yield by the hook
    // (hook.cpp), whatever else it was about to wait for.
    if (status == LUA_YIELD && pending && !stopped()) {
      result = FiberStatus::waiting;
    } else if (status == LUA_YIELD && preempted && !stopped()) {
      result = FiberStatus::preempted;
    } else if (status == 0 && !stopped()) {
      // Whatever take_results says: the coroutine has ended.
      reusable = true;
      if (take_results != nullptr) take_results(*this);
      result = FiberStatus::finished;
    } else if (stopped()) {
      result = failed(stop_error());
    } else if (status == LUA_YIELD) {
      result = failed(Error(MRUN_SCRIPT, "the script yielded outside of a coroutine"));
    } else {
      Error e;
      if (status == LUA_ERRMEM) {
        e = end_without_memory();
      } else {
        vm.protect([&](lua_State *L) { e = error_of(L, co(), status); });
      }
      result = failed(std::move(e));
    }
  } catch (const Error &e) { result = failed(e); } catch (const std::bad_alloc &) {
    result = failed(Error(MRUN_MEMORY, "out of memory"));
  }
  return result;
}

// The coroutine goes with all that it holds.
Error FiberImpl::end_without_memory() {
  Error e;
  try {
    e = memory_error(vm, co());
  } catch (const std::bad_alloc &) { e = Error(MRUN_MEMORY, "out of memory"); }
  give_thread(vm, std::exchange(thread, {}), false);
  vm.collect();
  return e;
}

Error FiberImpl::stop_error() const {
  const auto code = static_cast<mrun_code>(item->stop.load());
  Error e(code, "cancelled while the script ran");
  if (code == MRUN_TIMEOUT) {
    e.message = take_results == nullptr
                    ? fmt::format(
                          "the top-level code ran out of time: {} s are allowed (--start-timeout; start_timeout of "
                          "mrun_options)",
                          vm.options.timeout)
                    : "the script ran out of time: the item's limit (--timeout; timeout of mrun_options) has passed";
  }
  if (stopped_at) {
    e.script = stopped_at->script;
    e.line = stopped_at->line;
    e.traceback = stopped_at->traceback;
  }
  return e;
}

FiberStatus FiberImpl::failed(Error e) {
  try {
    if (co() != nullptr) locate(co(), e);
  } catch (const std::bad_alloc &) {}  // an error without its place
  e.stage = stage;
  error = std::move(e);
  pending.reset();
  while (!tasks.empty()) tasks.back()->end();
  return FiberStatus::failed;
}

}  // namespace mrun
