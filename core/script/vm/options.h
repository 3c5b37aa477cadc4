// What a state is made from.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "plugin/registry.h"
#include "script/vm/model_call.h"
#include "script/vm/shared_store.h"

namespace mrun {

struct StateOptions {
  Registry *registry = nullptr;  // of plugins; must outlive the state; null: whatever is a plugin's is missing
  std::shared_ptr<const Bundle> bundle;
  Value params;  // the manifest's, overrides applied
  std::vector<ModelInfo> models;
  std::shared_ptr<SharedStore> shared;
  int64_t lua_memory = int64_t{512} << 20;   // bytes of Lua heap, armed after set-up
  int64_t tensor_memory = int64_t{4} << 30;  // native bytes of top-level code
  double timeout = 60;                       // seconds for top-level code
  std::function<void(int level, const std::string &stage, const std::string &text)> log;
  // How often a script's limits are looked at, in instructions, and by which clock (empty: the steady one).
  int look_period = 1000;
  std::function<std::chrono::steady_clock::time_point()> now;
  // Calls a model's method at once, for native code that calls one back without waiting (host->call). May be empty:
  // then that is an error. Throws Error.
  std::function<std::vector<Value>(ItemContext &, ModelCall)> call_model;
};

}  // namespace mrun
