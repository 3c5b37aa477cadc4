#include "script/fiber.h"

#include "script/convert.h"
#include "script/errors.h"
#include "script/hook.h"
#include "script/task.h"

namespace mrun {
namespace {

constexpr auto slice = std::chrono::milliseconds(10);
constexpr size_t most_idle = 256;

}  // namespace

Host::Thread take_thread(Host &h, lua_State *L) {
  if (!h.idle.empty()) {
    const Host::Thread thread = h.idle.back();
    h.idle.pop_back();
    return thread;
  }
  lua_State *state = lua_newthread(L);
  return {state, anchor(L)};
}

void give_thread(Host &h, Host::Thread thread, bool reusable) {
  if (thread.state == nullptr) return;
  if (reusable && h.idle.size() < most_idle) {
    lua_settop(thread.state, 0);
    h.idle.push_back(thread);
  } else {
    luaL_unref(h.L, LUA_REGISTRYINDEX, thread.ref);
  }
}

FiberImpl::FiberImpl(Host &h, const char *s, std::shared_ptr<ItemContext> i) : host(h), stage(s), item(std::move(i)) {}

FiberImpl::~FiberImpl() {
  while (!tasks.empty()) tasks.back()->end();
  give_thread(host, thread, reusable);
}

Fiber::Status FiberImpl::run(int given) {
  FiberImpl *const outer = std::exchange(host.fiber, this);
  char here = 0;
  const char *const outer_base = std::exchange(host.stack_base, &here);
  slice_end = Clock::now() + slice;
  preempted = false;
  const int status = lua_resume(co(), given);
  host.stack_base = outer_base;
  Fiber::Status result;
  try {
    if (status == LUA_YIELD && pending && !stopped()) {
      result = Fiber::Status::waiting;
    } else if (status == LUA_YIELD && preempted && !stopped()) {
      result = Fiber::Status::preempted;
    } else if (status == 0) {
      reusable = true;
      result = top_level ? Fiber::Status::finished : finished();
    } else if (stopped()) {
      result = failed(stop_error());
    } else if (status == LUA_YIELD) {
      result = failed(Error(MRUN_SCRIPT, "the script yielded outside of a coroutine"));
    } else {
      Error e;
      if (status == LUA_ERRMEM) {
        e = memory_error(host, co());
        give_thread(host, std::exchange(thread, {}), false);  // with all that it holds
        host.collect();
      } else {
        host.protect([&](lua_State *L) { e = error_of(L, co(), status); });
      }
      result = failed(std::move(e));
    }
  } catch (const Error &e) { result = failed(e); }
  host.fiber = outer;
  return result;
}

Error FiberImpl::stop_error() const {
  const auto code = static_cast<mrun_code>(item->stop.load());
  return Error(code, code == MRUN_CANCELLED ? "cancelled while the script ran" : "the script ran out of time");
}

Fiber::Status FiberImpl::failed(Error e) {
  if (co() != nullptr) locate(co(), e);
  e.stage = stage;
  error = std::move(e);
  pending.reset();
  while (!tasks.empty()) tasks.back()->end();
  return Fiber::Status::failed;
}

Fiber::Status FiberImpl::finished() {
  int count = lua_gettop(co());
  while (count > 0 && lua_isnil(co(), count)) --count;
  if (static_cast<size_t>(count) > most_results) {
    fail(MRUN_SCRIPT, "{} returned {} values, want at most {}", stage, count, most_results);
  }
  results.assign(most_results, Value());
  lua_settop(co(), count);
  host.protect([&](lua_State *L) {
    lua_xmove(co(), L, count);
    for (int i = 1; i <= count; ++i) {
      const std::string what =
          i == 1 ? fmt::format("what {} returned", stage) : fmt::format("the context of {}", stage);
      results[static_cast<size_t>(i) - 1] = to_value(L, i, what.c_str());
    }
  });
  return Fiber::Status::finished;
}

Fiber::Fiber(std::unique_ptr<FiberImpl> impl) : impl_(std::move(impl)) {}
Fiber::~Fiber() = default;

Fiber::Status Fiber::resume() {
  const int given = impl_->preempted || impl_->co() == nullptr ? 0 : lua_gettop(impl_->co()) - 1;
  return impl_->run(given < 0 ? 0 : given);
}

Fiber::Status Fiber::resume(std::vector<Value> results) {
  impl_->results = std::move(results);
  impl_->ready = true;
  impl_->pending.reset();
  return impl_->run(0);
}

Fiber::Status Fiber::resume(const Error &e) {
  impl_->failure = e;
  impl_->ready = true;
  impl_->pending.reset();
  return impl_->run(0);
}

ModelCall &Fiber::call() { return *impl_->pending; }
std::vector<Value> &Fiber::results() { return impl_->results; }
const Error &Fiber::error() const { return impl_->error; }

}  // namespace mrun
