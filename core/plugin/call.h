// mrun_call: one call of native code in progress. What it may use, whom it answers to, where its error goes.
#pragma once
#include <mrun/plugin.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "base/budget.h"
#include "base/error.h"
#include "base/float_mode.h"
#include "plugin/schema.h"

namespace mrun {

// One item's limits and identity; outlives its calls. The engine makes one an item, the script host one for top-level
// code.
struct ItemContext {
  std::shared_ptr<Budget> budget = std::make_shared<Budget>();  // native bytes
  // Where this and the next are polled they are loaded relaxed: they order nothing else, and whoever sees one late looks again soon.
  std::atomic<int> stop{MRUN_OK};  // MRUN_TIMEOUT or MRUN_CANCELLED once it must end; any thread
  // When the time that it may take is over, in nanoseconds of the steady clock; moved by whoever runs a slice of it.
  std::atomic<int64_t> deadline{std::numeric_limits<int64_t>::max()};
  // MRUN_OK, or the code it must end with: `stop`, raised here once the deadline has passed. Any thread; reads the clock.
  int stopped() noexcept;
  int stopped(std::chrono::steady_clock::time_point now) noexcept;  // which has just been read
  uint64_t seed = 0;                                                // of the run
  uint64_t number = 0;                                              // of the item in the whole work
  std::atomic<uint64_t> draws{0};                                   // random numbers drawn so far
  int32_t threads = 1;                                              // an operation may keep this many busy
  std::function<void(int level, const std::string &text)> log;      // may be empty; called through log_line
  std::atomic<uint32_t> log_lines{0};                               // that it wrote so far
  uint64_t draw();  // the next 64 random bits: a function of (seed, number, draws)
};

// Writes to item.log: at most 100 lines an item, then one that says so; a line is cut after 4,000 bytes. level 0 debug
// to 3 error.
void log_line(ItemContext &, int level, std::string_view text);

class Registry;

// What native code's callbacks reach: implemented by the script host (Lua functions, tasks) over the plugin layer's
// defaults. Operations are called by the plugin layer itself and never come here through `call`.
class CallHost {
 public:
  virtual ~CallHost() = default;
  // host->call: runs `f` now. Results are owned by the caller. Throws Error.
  virtual std::vector<Value> call(mrun_call &, mrun_function &f, std::span<const mrun_value> args) = 0;
  // host->await: notes the call; the operation then returns MRUN_PENDING. Throws Error; the plugin layer then runs
  // `how.destroy`, but where mrun_call::resuming is set: there the failing resume ends the task, and whoever resumed
  // it runs destroy once.
  virtual void await(mrun_call &, mrun_function &f, std::vector<Value> args, const mrun_await &how) = 0;
};

}  // namespace mrun

// Named by types.h: something native code can call back. Lua functions and model methods derive from it in the script
// host; the plugin layer's own kind is an operation (host->find; OperationFunction in registry.h).
struct mrun_function {
  virtual ~mrun_function() = default;
  virtual const char *kind() const = 0;  // "a Lua function", "a model's method", "an operation"
};

// Named by plugin.h. What an operation leaves in `charged`, `found` and `bound` when it returns is given back by
// call_operation, but where it awaits: then whoever keeps its task takes them over until the task's destroy has run.
struct mrun_call {
  explicit mrun_call(mrun::ItemContext &i, mrun::CallHost *h = nullptr, const mrun::Schema *o = nullptr)
      : item(i), host(h), operation(o) {}
  ~mrun_call() { item.budget->charge(-charged.load()); }
  // ItemContext::stopped; a call that serves several items ends when none of them wants its result any more.
  int stopped() noexcept;

  mrun::ItemContext &item;
  mrun::CallHost *host;                                 // null: calling back is USAGE
  mrun::Registry *registry = nullptr;                   // for host->find: where the operation or backend was found
  const mrun::Schema *operation;                        // for messages
  mrun::Error error;                                    // written by host->fail
  bool failed = false;                                  // error is set
  std::atomic<int64_t> charged{0};                      // by host->charge; given back when the call ends
  int64_t charged_before = 0;                           // of it: by those that called the operation that runs
  std::vector<std::unique_ptr<mrun_function>> found;    // by host->find, valid until the call ends
  std::vector<std::unique_ptr<mrun::Arguments>> bound;  // of operations that may await: valid as long as `found`
  // What the native function that runs was given. A tensor that it hands over and that lies inside one of these is a
  // view: it keeps that one alive instead of being charged, and is read-only if that one is.
  std::span<const mrun_value> arguments;
  std::span<const mrun_value> task_arguments;  // the same, in a resume: of the task's operation
  // The items of a batch that one call serves, for host->seed; empty: `item` alone.
  std::span<mrun::ItemContext *const> batch;
  bool resuming = false;  // set by whoever calls mrun_await.resume
  bool may_await = true;  // false inside host->call
  bool of_task = false;   // an operation that it serves may await: somebody keeps it until then
  bool awaiting = false;  // host->await has been called
};

namespace mrun {

// What a native function wrote for its results: those that are no values are made nil, unread, as their owner would be
// what happened to lie there. Returns what was wrong, "result 1: a tensor has no owner: …", or nothing.
std::string drop_malformed(std::span<Value> results);
// Whether the schema's results are these: MRUN_INTERNAL names the plugin where not. wrong: what drop_malformed said.
void check_results(const Schema &, const std::string &plugin, std::span<const Value> results, const std::string &wrong);

// what: of the exception; null: no standard one.
[[noreturn]] void fail_escaped(const std::string &who, const char *what);

// How many native functions of this thread have left another floating-point mode than they were called with.
size_t float_modes_left() noexcept;

// A FloatModeGuard around native code, which counts the modes that it puts back.
class NativeFloatMode {
 public:
  NativeFloatMode() = default;
  ~NativeFloatMode();
  NativeFloatMode(const NativeFloatMode &) = delete;
  NativeFloatMode &operator=(const NativeFloatMode &) = delete;

 private:
  const FloatMode before_;
};

// Runs a plugin's function by f(): the code that it returned. A C++ exception that it lets out (plugin.h, 5) is an Error,
// INTERNAL, that begins with `who`; bad_alloc is MEMORY. A floating-point mode that it leaves is gone with it.
template <class F>
int run_native(const std::string &who, F &&f) {
  const NativeFloatMode mode;
  try {
    return f();
  } catch (const std::bad_alloc &) { throw Error(MRUN_MEMORY, "out of memory"); } catch (const std::exception &e) {
    fail_escaped(who, e.what());
  } catch (...) { fail_escaped(who, nullptr); }
}

struct NativeReturn {
  int code;           // as the function returned it
  std::string wrong;  // what drop_malformed said
};

// The same of a function that writes `results`: what is malformed of them is dropped, also where it lets an exception out.
template <class F>
NativeReturn run_native(const std::string &who, std::span<Value> results, F &&f) {
  int code = MRUN_OK;
  try {
    code = run_native(who, std::forward<F>(f));
  } catch (...) {
    drop_malformed(results);
    throw;
  }
  return {code, drop_malformed(results)};
}

// What call.error is set to; of no call (null) it is forgotten.
inline void note_error(mrun_call *call, Error e) noexcept {
  if (call == nullptr) return;
  call->error = std::move(e);
  call->failed = true;
}

// The reverse: runs what native code has called, to which no exception may come (plugin.h, 5). What body() throws is the call's
// error, and the code that is returned.
template <class Body>
int answer_native(mrun_call *call, Body &&body) noexcept {
  try {
    body();
    return MRUN_OK;
  } catch (Error &e) {
    const int code = e.code;
    note_error(call, std::move(e));  // moved, since a copy may want memory that is not there
    return code;
  } catch (const std::bad_alloc &) { return MRUN_MEMORY; } catch (...) {
    return MRUN_INTERNAL;
  }
}

// The error of a native function that returned `code`: what it said by host->fail (taken out of the call), what a
// callback threw, or that it said nothing.
Error take_error(mrun_call &, int code);

}  // namespace mrun
