// Task: a native operation that may call back or wait (plugin.h): its arguments and calls, until its destroy has run.
// Written for operations with a Callable parameter; others need none of this.
#pragma once
#include "script/bridge/callback.h"
#include "script/bridge/convert.h"
#include "script/vm/fiber.h"

namespace mrun {

struct NativeOperation;
struct Operation;
struct Task;

struct TaskCall : mrun_call {
  TaskCall(ItemContext &i, CallHost *calls, Task *t) : mrun_call(i, calls), task(t) { of_task = t != nullptr; }
  Task *const task;
};

struct Task final : Waiting {
  explicit Task(Vm &);
  ~Task() override;  // runs destroy, if it is still to be run
  Task(const Task &) = delete;
  Task &operator=(const Task &) = delete;
  TaskCall &begin_call();
  void end() override;  // runs destroy and gives up everything but `results`

  Vm &vm;
  const NativeOperation *operation = nullptr;
  const Operation *form = nullptr;  // of its overloads, the one that awaits
  FiberImpl *fiber = nullptr;       // valid while it waits
  std::shared_ptr<ItemContext> item;
  std::vector<Value> args;  // the operation's own
  Value keywords;
  Reader::Functions functions;
  std::vector<std::unique_ptr<TaskCall>> calls;

  mrun_await how{};
  bool waiting = false;              // how is set, its destroy has not run
  mrun_function *awaited = nullptr;  // what is to be called
  std::vector<Value> awaited_args;
  std::vector<std::optional<std::string>> awaited_names;  // empty, or one an argument: none for a positional one
  std::vector<Value> got;                                 // what it returned
  std::vector<Value> results;                             // of the operation
};

// The functions of prelude.lua's `task`.
int task_start(lua_State *, Vm &);      // (operation, ...) -> nil, results... | task
int task_awaited(lua_State *, Vm &);    // (task) -> a Lua function to call; or nothing: the engine calls a model
int task_arguments(lua_State *, Vm &);  // (task) -> the arguments
int task_deliver(lua_State *, Vm &);    // (task, ok, results... | error)
int task_resume(lua_State *, Vm &);     // (task) -> has it ended?
int task_results(lua_State *, Vm &);    // (task) -> results...
void open_tasks(lua_State *);

}  // namespace mrun
