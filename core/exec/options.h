// What an engine is asked for, what an item is, and what comes of it.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "value/value.h"

namespace mrun {

class Registry;
class Watch;

struct EngineOptions {
  Registry *registry = nullptr;  // of plugins; must outlive the engine; null: USAGE
  int workers = 0;               // script workers; 0: the cores this process may use (one_shot: 1)
  int threads = 0;               // of an operator; 0: 1 (one_shot: the cores)
  int cores = 0;                 // that workers and threads share; 0: those this process may use
  int processes = 1;             // that an isolated session has
  int process = 1;               // which of them this is: its place in traces
  int queue = 0;                 // items submitted and not delivered; 0: 2048
  int max_batch = 0;             // rows of a joined call, in place of [batch] max_size; 0: the manifest's
  double max_delay = 0;          // seconds that a joined call waits for companions after its first call
  double timeout = 60;  // seconds that an item may take: its scripts and its share of joined calls; <= 0: no limit
  double start_timeout = 60;  // seconds that a file's top-level code may take; <= 0: no limit
  int64_t lua_memory = 0;     // bytes of a state's Lua heap; 0: 512 MiB
  int64_t tensor_memory = 0;  // native bytes an item may hold; 0: 4 GiB
  uint64_t seed = 0;
  std::string device;     // empty: "cpu"
  Value params;           // overrides: a map "a.b" -> value, or nil
  bool one_shot = false;  // one item is all there will be
  bool offline = false;   // all inputs are there: calls are joined in rounds by item, whatever the timing
  bool exact = false;     // an answer has the same bits whatever it is joined with
  bool bounded = false;   // whoever submits sees to it that no more than `queue` items are there: no submit waits
  std::function<void(int level, const std::string &stage, const std::string &text)> log;
  std::function<void(const std::string &json)> trace;  // Chrome trace events, one a call; any thread
  int64_t trace_begin = 0;  // nanoseconds of the steady clock, from which they count; 0: the engine's start
  // After the callbacks of a worker's turn, offline of some in a row, in their thread: for who gathers what they are given, to
  // pass it on together.
  std::function<void()> told;
  Watch *watch = nullptr;  // told what runs; must outlive the engine. Null: nobody
};

struct Timings {          // seconds
  double queue = 0;       // submitted, not begun
  double preprocess = 0;  // its slices
  double batch = 0;       // model calls that wait for companions and for a thread
  double forward = 0;     // slices of forward.lua, and its share of joined calls
  double postprocess = 0;
  int batch_size = 1;  // the largest that a call of it was joined in: calls
};

// One item. Its functions are called while it runs, never once it is answered; whatever they throw ends there.
struct Work {
  uint64_t number = 0;  // position in the whole work: what random numbers depend on
  uint64_t tag = 0;     // what a Watch knows it by
  Value input;
  double timeout = 0;   // seconds; 0: the engine's
  double deadline = 0;  // seconds from now on, waiting included; 0: none
  bool json = false;    // Result::json is wanted
  bool answer = true;   // Result::answer is
  std::function<void(Value)> emit;
  // Sees what passes between the stages: "preprocess" x, "forward" output. For record and verify.
  std::function<void(std::string_view stage, const Value &)> observe;
};

struct Result {
  bool ok() const { return !error; }
  Failure error;
  Value answer;
  std::string json;  // the answer's line, where it was asked for
  Timings timings;
};

}  // namespace mrun
