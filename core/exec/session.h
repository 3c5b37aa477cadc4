// Session: a bundle that runs. What the host API, verify, record, pack and meta use; the engine of this process is one,
// a worker process can be another. Every function from any thread.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "exec/options.h"
#include "exec/statistics.h"

namespace mrun {

// What answers depend on beside their inputs.
struct Facts {
  std::shared_ptr<const Bundle> bundle;
  EngineOptions options;                         // defaults filled in
  std::map<std::string, std::string> plugins;    // loaded: name -> version
  std::map<std::string, std::string> libraries;  // name or namespace -> version
  std::map<std::string, std::string> isolation;  // what holds the bundle: {"mode": "none"}, or "process" and its layers
  // Offline: of so many items in a row, from the first one on, none is joined with one of another such block.
  uint64_t block = 1;
};

// Called once an item, on a worker's thread, with no lock held. It may submit and cancel.
using Done = std::function<void(uint64_t id, Result &&)>;

class Session {
 public:
  virtual ~Session() = default;

  // One item; returns when it is answered. In the caller's thread where nothing else runs. Inside a `done`: USAGE.
  virtual Result run(const Work &) = 0;
  // Queues the item; waits while the queue is full, `wait` seconds at most (negative: for ever), then throws TIMEOUT.
  // `done` is called once: in completion order, or in order of submission after set_ordered(true). Inside a `done` it
  // does not wait: the place of the item that was just answered is free, beyond it a full queue is TIMEOUT at once.
  virtual uint64_t submit(Work, double wait, Done) = 0;
  virtual bool cancel(uint64_t id) = 0;  // false: no such item waits or runs
  virtual void set_ordered(bool) = 0;    // before the first submit, else USAGE
  virtual void end_input() = 0;          // offline: nothing waits for the next submit. Returns at once
  virtual void drain() = 0;              // until every submitted item has been answered. Inside a `done`: USAGE
  virtual void stop() = 0;               // waiting items are CANCELLED; returns after the last `done`
  virtual uint64_t next_number() = 0;    // for items that are not numbered by the caller
  virtual Value statistics() const = 0;  // Statistics::report
  virtual Facts facts() const = 0;
};

// Loads the models, makes the first worker's state (so that errors of top-level code show here). Throws Error.
std::unique_ptr<Session> start_session(std::shared_ptr<const Bundle>, EngineOptions);

// What every function of a session begins with. started: the process that started it. Throws USAGE in a fork's copy, where its
// threads are not.
void want_starter(int started, const char *what);

// Runs the items together, joined as an offline run joins them: the results, in order.
std::vector<Result> run_together(Session &, std::vector<Work>);

}  // namespace mrun
