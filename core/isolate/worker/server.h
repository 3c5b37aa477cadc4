// Server: the worker's side of the channels. Two threads: one opens the bundle, gives items to the engine in their order and
// does what else comes by the channel, none of which waits; the other reads items by themselves from a channel of their own
// and runs them, so that no thread waits for another between an item's bytes and its script, and a core's caches stay warm.
// They and the engine's threads send what comes of items; a third, from when they are first wanted, sends statistics: a parent
// that is slow to read must not keep the first from reading, which it might be waiting for.
#pragma once
#include <future>
#include <map>

#include "base/mutex.h"
#include "exec/engine/engine.h"
#include "isolate/activity.h"
#include "isolate/messages.h"
#include "plugin/registry.h"

namespace mrun {

class Server {
 public:
  Server(Channel &channel, Channel &items, Activity &activity)
      : channel_(channel), items_(items), activity_(activity) {}
  // The first frame: plugins, then lock-down. Throws what cannot be done.
  void prepare();
  // Serves until the parent has closed; then the process ends.
  [[noreturn]] void serve();

 private:
  [[noreturn]] void serve_channel();
  [[noreturn]] void serve_items();
  void handle(Frame &);
  void handle_item(Frame &, void (Server::*how)(Frame &));
  void open(const Frame &);
  Engine &engine();
  std::shared_ptr<const Bundle> open_bundle(const Opening &);
  void send_log(int level, const std::string &stage, const std::string &text);
  void connect_log(EngineOptions &, const Opening &);
  Work work_of(Frame &);
  void run(Frame &);
  void run_submitted(Frame &);
  void submit(Frame &);
  void take_memory(Frame &);
  void pass_on_answers() noexcept;
  void count();
  [[noreturn]] void serve_counts();

  // What is gathered goes with pass_on_answers().
  template <class Encode>
  void send(Kind, uint64_t id, Encode &&, Sending = Sending::now);
  UniqueFd want_memory(uint64_t id, size_t size);
  void send_result(uint64_t id, const Result &, Sending = Sending::now);
  void send_error(Kind, uint64_t id, const Error &);

  Channel &channel_, &items_;
  Activity &activity_;
  std::unique_ptr<Registry> registry_;
  std::vector<UniqueFd> files_;

  Mutex mutex_;
  std::unique_ptr<Engine> engine_ GUARDED_BY(mutex_);  // made by open, then never changed
  Condition counts_asked_;
  size_t counts_wanted_ GUARDED_BY(mutex_) = 0;                           // and not sent
  bool counting_ GUARDED_BY(mutex_) = false;                              // there is a thread for them
  std::map<uint64_t, std::promise<UniqueFd>> wanted_ GUARDED_BY(mutex_);  // shared memory, by the item that asked
};

}  // namespace mrun
