// Server: the worker's side of the channel. Two threads take turns: one reads frames and answers what cannot wait, one opens
// the bundle and gives items to the engine, in their order; the engine's threads send what comes of them.
#pragma once
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "exec/session.h"
#include "isolate/activity.h"
#include "isolate/messages.h"
#include "plugin/registry.h"

namespace mrun {

class Server {
 public:
  Server(Channel &channel, Activity &activity) : channel_(channel), activity_(activity) {}
  // The first frame: plugins, then lock-down. Throws what cannot be done.
  void prepare();
  // Serves until the parent has closed; then the process ends.
  [[noreturn]] void serve();

 private:
  [[noreturn]] void take_turns();
  void read(std::unique_lock<std::mutex> &);
  bool handle_at_once(Frame &);
  void handle(Frame &, std::unique_lock<std::mutex> &);
  void handle_item(Frame &, void (Server::*how)(Frame &));
  void open(const Frame &);
  std::shared_ptr<const Bundle> open_bundle(const Opening &);
  void connect_log(EngineOptions &, const Opening &);
  Work work_of(Frame &);
  void run(Frame &);
  void submit(Frame &);
  bool submit_beside(Frame &);
  bool was_cancelled(uint64_t id);
  void cancel(uint64_t id);
  void take_memory(Frame &);
  void count();

  template <class Encode>
  void send(Kind, uint64_t id, Encode &&);
  UniqueFd want_memory(uint64_t id, size_t size);
  void send_result(uint64_t id, const Result &);
  void send_error(Kind, uint64_t id, const Error &);

  Channel &channel_;
  Activity &activity_;
  std::unique_ptr<Registry> registry_;
  std::vector<UniqueFd> files_;
  std::unique_ptr<Session> session_;

  std::mutex mutex_;
  std::condition_variable turn_;
  std::deque<Frame> inbox_;
  bool reading_ = false, handling_ = false;  // a thread does
  bool running_ = false;                     // what is handled is an item by itself
  bool offline_ = false;
  std::map<uint64_t, uint64_t> submitted_;             // item -> the engine's id
  std::set<uint64_t> cancelled_;                       // before they were given to the engine
  std::set<uint64_t> answered_;                        // before the engine had told their id
  std::map<uint64_t, std::promise<UniqueFd>> wanted_;  // shared memory, by the item that asked
};

}  // namespace mrun
