// Runner: one Lua state and the way of one item through it, from the input to the answer. Used by one thread at a time.
#pragma once
#include <functional>
#include <memory>
#include <string_view>

#include "exec/item.h"
#include "exec/watchdog.h"

namespace mrun {

struct EngineOptions {
  int workers = 0;            // script workers; 0: 1
  int threads = 0;            // of an operator; 0: cores / workers
  int queue = 0;              // items submitted and not answered; 0: 64
  double timeout = 60;        // seconds of wall time an item may take; <= 0: no limit
  int64_t lua_memory = 0;     // bytes of a state's Lua heap; 0: 512 MiB
  int64_t tensor_memory = 0;  // native bytes an item may hold; 0: 4 GiB
  uint64_t seed = 0;
  std::string device;     // empty: "cpu"
  Value params;           // overrides: a map "a.b" -> value, or nil
  bool one_shot = false;  // one item is all there will be
  std::function<void(int level, const std::string &stage, const std::string &text)> log;
};

// What the runners of an engine share.
struct Loaded {
  std::shared_ptr<const Bundle> bundle;
  EngineOptions options;
  Value params;
  std::vector<std::unique_ptr<Model>> models;
  std::vector<ModelInfo> model_infos;
  std::shared_ptr<SharedStore> shared;
  Watchdog watchdog;
  int threads = 1;
};
std::unique_ptr<Loaded> load(std::shared_ptr<const Bundle>, EngineOptions);

struct Work {
  uint64_t number = 0;
  Value input;
  double timeout = 0;  // 0: the engine's
  std::function<void(Value)> emit;
  // Sees what passes between the stages: "preprocess" x, "forward" output. For record and verify.
  std::function<void(std::string_view stage, const Value &)> observe;
};

struct Result {
  bool ok() const { return error.code == MRUN_OK; }
  Error error{MRUN_OK, ""};
  Value answer;
  Timings timings;
};

class Runner {
 public:
  explicit Runner(Loaded &);
  // Never throws: a failure is the result's error, with its stage. `item` is what a caller cancels by.
  Result run(const Work &, const std::shared_ptr<ItemContext> &item);

 private:
  std::vector<Model *> models_for_item(std::vector<std::unique_ptr<Model>> &fresh);
  void run_stages(const Work &, ItemRun &, Result &, const char *&stage);

  Loaded &loaded_;
  State state_;
};

// The context of one item: its limits, seed and number.
std::shared_ptr<ItemContext> make_context(const Loaded &, uint64_t number);

}  // namespace mrun
