// FiberImpl: one stage of one item, or the top-level code, as a coroutine of the state. Only the state's thread touches it,
// and it ends before the state, in whose registry its coroutine is anchored. While it waits, everything that native code
// keeps for it (tasks, their calls and arguments) stays; its end runs their destroy.
#pragma once
#include <optional>

#include "script/vm/vm.h"

namespace mrun {

using Clock = std::chrono::steady_clock;

// A native operation that waits: it ends with its fiber.
struct Waiting {
  virtual ~Waiting() = default;
  virtual void end() = 0;
};

struct FiberImpl {
  FiberImpl(Vm &, const char *stage, std::shared_ptr<ItemContext>);
  ~FiberImpl();
  FiberImpl(const FiberImpl &) = delete;
  FiberImpl &operator=(const FiberImpl &) = delete;

  // One slice: from the start, a yield or a preemption to the next. `given` values are on the coroutine's stack.
  FiberStatus run(int given);
  lua_State *co() const { return thread.state; }
  bool stopped() const { return item->stop.load(std::memory_order_relaxed) != MRUN_OK; }

  Vm &vm;
  const char *const stage;        // for messages and the log: "preprocess"
  const char *script = "";        // its file
  std::vector<int> return_lines;  // where a tail call may have come from: it leaves no frame
  const std::shared_ptr<ItemContext> item;
  std::function<void(Value)> emit;
  // Takes what the function returned off the coroutine's stack. Throws Error. Null: the values stay there.
  void (*take_results)(FiberImpl &) = nullptr;
  bool emits = false, calls_models = false;
  size_t most_results = 0;
  Vm::Thread thread;
  bool reusable = false;  // the coroutine has ended without an error: its thread may serve another fiber

  std::optional<ModelCall> pending;  // what the engine is to call
  bool ready = false;                // results or failure has come
  std::optional<Error> failure;
  std::vector<Value> results;
  Error error;

  // Native operations calling back: while there are any, C++ frames lie below, and nothing may yield.
  int callbacks = 0;
  std::vector<Waiting *> tasks;  // the last begun last; each takes itself off when it ends
  Clock::time_point slice_end;   // from the first look at the clock in it: most slices end before
  Clock::time_point deadline = Clock::time_point::max();
  bool preempted = false;
  std::optional<Error> stopped_at;  // script, line and traceback where the script had to end

  Error stop_error() const;
  bool slice_over(Clock::time_point now);

 private:
  Error end_without_memory();
  FiberStatus failed(Error);
};

// A coroutine of the state, a finished one where there is one. Call inside protect.
Vm::Thread take_thread(Vm &, lua_State *);
void give_thread(Vm &, Vm::Thread, bool reusable);

}  // namespace mrun
