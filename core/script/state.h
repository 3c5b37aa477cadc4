// State: one sandboxed Lua state of one bundle. It runs the stages' functions as coroutines ("fibers"), many alive at
// once; a model call suspends the fiber, and whoever drives the state runs the call and resumes it. Used by one thread
// at a time.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "script/modules.h"
#include "script/vm/options.h"

namespace mrun {

enum class Stage { preprocess, forward, postprocess };
const char *stage_name(Stage);  // "preprocess"
const char *stage_file(Stage);  // "preprocess.lua"

struct FiberImpl;
// Must not outlive its State.
class Fiber {
 public:
  using Status = FiberStatus;
  ~Fiber();
  // The first call starts the stage; after `preempted` it goes on. Runs until the function returns, fails, calls a
  // model, or its slice is over.
  Status resume();
  Status resume(std::vector<Value> results);  // after `waiting`: what the model returned
  Status resume(const Error &);               // after `waiting`: raised where the script called the model
  ModelCall &call();                          // valid while `waiting`
  std::vector<Value> &results();              // of `finished`: as many as the stage's contract allows, checked
  const Error &error() const;                 // of `failed`: script, line, stage, source and traceback filled in
  explicit Fiber(std::unique_ptr<FiberImpl>);

 private:
  std::unique_ptr<FiberImpl> impl_;
};

class State {
 public:
  // Builds the sandbox and runs the top-level code of every stage's file. Throws Error (SCRIPT, MISSING, TIMEOUT,
  // MEMORY …).
  explicit State(StateOptions);
  ~State();
  bool has(Stage) const;
  // args: preprocess (input, params), forward (model, x, params, context), postprocess (output, params, context):
  // params and the models are the state's own, so give {input}, {x, context}, {output, context}.
  std::unique_ptr<Fiber> start(Stage, std::vector<Value> args, std::shared_ptr<ItemContext>,
                               std::function<void(Value)> emit = nullptr);
  int64_t lua_bytes() const;  // heap in use
  // The heap was full at some time: an item that was not alone may have felt its neighbours, and must run again alone.
  bool over_memory() const;
  void collect();  // a full collection

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mrun
