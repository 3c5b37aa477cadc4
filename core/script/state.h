// State: one sandboxed Lua state of one bundle. It runs the stages' functions as coroutines ("fibers"), many alive at
// once; a model call suspends the fiber, and whoever drives the state runs the call and resumes it. Used by one thread
// at a time.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "plugin/registry.h"

namespace mrun {

enum class Stage { preprocess, forward, postprocess };
const char *stage_name(Stage);  // "preprocess"
const char *stage_file(Stage);  // "preprocess.lua"

struct ModelInfo {
  std::string name;             // "main"
  std::vector<Schema> methods;  // as the backend lists them; "forward" is what model(x) calls
};

// Made once an engine: what bundle.shared and MRUN_OP_ONCE operations built, for all its states. Any thread.
class SharedStore {
 public:
  SharedStore();
  ~SharedStore();
  // The value of `key`, made by `make` by whoever comes first (others wait for it). An exception is not remembered.
  Value get(const std::string &key, const std::function<Value()> &make);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A call that a fiber waits for. Arguments are in the schema's order, defaults filled in.
struct ModelCall {
  size_t model = 0;   // in StateOptions::models
  size_t method = 0;  // in its methods
  std::vector<Value> args;
  bool rows = false;  // MRUN_AWAIT_ROWS
};

struct StateOptions {
  std::shared_ptr<const Bundle> bundle;
  Value params;  // the manifest's, overrides applied
  std::vector<ModelInfo> models;
  std::shared_ptr<SharedStore> shared;
  int64_t lua_memory = int64_t{512} << 20;   // bytes of Lua heap, armed after set-up
  int64_t tensor_memory = int64_t{4} << 30;  // native bytes of top-level code
  double timeout = 60;                       // seconds for top-level code
  std::function<void(int level, const std::string &stage, const std::string &text)> log;
  // Calls a model's method at once, for native code that calls one back without waiting (host->call). May be empty:
  // then that is an error. Throws Error.
  std::function<std::vector<Value>(ItemContext &, ModelCall)> call_model;
};

struct FiberImpl;
class Fiber {
 public:
  enum class Status { finished, waiting, preempted, failed };
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

// The std and plugin modules that the bundle's scripts require, transitively, as (name, exact text): for packing. Found
// in the text by `require "NAME"`; a module that the bundle brings itself (std/NAME.lua) is taken as it is.
// `renew`: taken anew even so.
std::vector<std::pair<std::string, std::string>> required_modules(const Bundle &, bool renew = false);
// The operations ("image.resize@1", "aten.softmax") that a pinned text names: the literals of `native "…"`.
std::vector<std::string> named_operations(std::string_view lua);
// The version of what scripts see outside std/ (INTERFACE.md).
inline constexpr int script_interface = 1;

}  // namespace mrun
