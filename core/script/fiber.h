// FiberImpl: one stage of one item, or the top-level code, as a coroutine of the state.
#pragma once
#include "script/host.h"

namespace mrun {

using Clock = std::chrono::steady_clock;

struct FiberImpl {
  FiberImpl(Host &, const char *stage, std::shared_ptr<ItemContext>);
  ~FiberImpl();
  FiberImpl(const FiberImpl &) = delete;
  FiberImpl &operator=(const FiberImpl &) = delete;

  // One slice: from the start, a yield or a preemption to the next. `given` values are on the coroutine's stack.
  Fiber::Status run(int given);
  lua_State *co() const { return thread.state; }
  bool stopped() const { return item->stop.load(std::memory_order_relaxed) != MRUN_OK; }

  Host &host;
  const char *const stage;  // for messages and the log: "preprocess"
  const char *script = "";  // its file
  int return_line = 0;      // where a tail call must have come from: it leaves no frame; 0: unknown
  const std::shared_ptr<ItemContext> item;
  std::function<void(Value)> emit;
  bool emits = false, calls_models = false, top_level = false;
  size_t most_results = 0;
  Host::Thread thread;
  bool reusable = false;  // the coroutine has ended without an error

  std::optional<ModelCall> pending;  // what the engine is to call
  bool ready = false;                // results or failure has come
  std::optional<Error> failure;
  std::vector<Value> results;
  Error error;

  int callbacks = 0;          // native operations calling back
  std::vector<Task *> tasks;  // that wait
  Clock::time_point slice_end, deadline = Clock::time_point::max();
  bool preempted = false;

 private:
  Fiber::Status failed(Error);
  Fiber::Status finished();
  Error stop_error() const;
};

// A coroutine of the state, a finished one where there is one. Call inside protect.
Host::Thread take_thread(Host &, lua_State *);
void give_thread(Host &, Host::Thread, bool reusable);

}  // namespace mrun
