// mrun_call: one call of native code in progress. What it may use, whom it answers to, where its error goes.
#pragma once
#include <mrun/plugin.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/budget.h"
#include "base/error.h"
#include "plugin/schema.h"

namespace mrun {

// One item's limits and identity; outlives its calls. The engine makes one an item, the script host one for top-level
// code.
struct ItemContext {
  std::shared_ptr<Budget> budget = std::make_shared<Budget>();  // native bytes
  std::atomic<int> stop{MRUN_OK};  // MRUN_TIMEOUT or MRUN_CANCELLED once it must end; any thread
  uint64_t seed = 0;               // of the run
  uint64_t number = 0;             // of the item in the whole work
  std::atomic<uint64_t> draws{0};  // random numbers drawn so far
  int32_t threads = 1;             // an operation may keep this many busy
  std::function<void(int level, const std::string &text)> log;  // rate-limited by the call; may be empty
  uint64_t draw();  // the next 64 random bits: a function of (seed, number, draws)
};

// What native code's callbacks reach: implemented by the script host (Lua functions, tasks) over the plugin layer's
// defaults.
class CallHost {
 public:
  virtual ~CallHost() = default;
  // host->call: runs `f` now. Results are owned by the caller. Throws Error.
  virtual std::vector<Value> call(mrun_call &, mrun_function &f, std::span<const mrun_value> args) = 0;
  // host->await: notes the call; the operation then returns MRUN_PENDING. Throws Error.
  virtual void await(mrun_call &, mrun_function &f, std::vector<Value> args, const mrun_await &how) = 0;
};

}  // namespace mrun

// Named by types.h: something native code can call back. Lua functions and model methods derive from it in the script
// host; the plugin layer's own kind is an operation (host->find).
struct mrun_function {
  virtual ~mrun_function() = default;
  virtual const char *kind() const = 0;  // "a Lua function", "a model's method", "an operation"
};

// Named by plugin.h.
struct mrun_call {
  mrun::ItemContext &item;
  mrun::CallHost *host = nullptr;                     // null: calling back is USAGE
  const mrun::Schema *operation = nullptr;            // for messages
  mrun::Error error;                                  // written by host->fail
  bool failed = false;                                // error is set
  std::atomic<int64_t> charged{0};                    // by host->charge; given back when the call ends
  std::vector<std::unique_ptr<mrun_function>> found;  // by host->find, valid until the call ends
};
