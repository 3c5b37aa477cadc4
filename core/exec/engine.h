// Engine: a loaded bundle, its runners and its queue. Every function from any thread.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "exec/runner.h"
#include "exec/timings.h"

namespace mrun {

class Engine {
 public:
  // Loads the models, makes the first runner (so that errors of top-level code show here). Throws Error.
  Engine(std::shared_ptr<const Bundle>, EngineOptions);
  ~Engine();  // stop
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  using Done = std::function<void(uint64_t id, Result &&)>;
  // One item, in the calling thread's time; waits for a runner where all are busy.
  Result run(const Work &);
  // Queues the item; waits while the queue is full, `wait` seconds at most (negative: for ever), then throws TIMEOUT.
  // `done` is called once, on a worker's thread: in completion order, or in order of submission after
  // set_ordered(true).
  uint64_t submit(Work, double wait, Done done);
  bool cancel(uint64_t id);  // false: no such item waits or runs
  void set_ordered(bool);    // before the first submit
  void drain();              // until every submitted item has been answered
  void stop();               // waiting items are CANCELLED; returns after the last `done`
  uint64_t next_number();    // for items that are not numbered by the caller
  Statistics &statistics() { return statistics_; }
  const Loaded &loaded() const { return *loaded_; }

 private:
  struct Job {
    uint64_t id = 0;
    Work work;
    Done done;
    std::shared_ptr<ItemContext> item;
    std::chrono::steady_clock::time_point submitted;
  };
  struct Answer {
    Job job;
    Result result;
  };
  void worker();
  void finish(Job, Result);
  void deliver(std::unique_lock<std::mutex> &);
  std::unique_ptr<Runner> take_runner();
  void give_runner(std::unique_ptr<Runner>);

  std::unique_ptr<Loaded> loaded_;
  Statistics statistics_;

  std::mutex runners_mutex_;
  std::condition_variable runner_free_;
  std::vector<std::unique_ptr<Runner>> idle_;
  int runners_ = 0;  // made so far, at most options.workers

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  std::map<uint64_t, std::shared_ptr<ItemContext>> live_;  // submitted, not answered
  std::map<uint64_t, Answer> ready_;                       // answered, not delivered
  std::vector<std::thread> threads_;
  uint64_t next_id_ = 1, next_delivery_ = 1;
  size_t pending_ = 0;  // submitted, `done` not returned
  bool ordered_ = false, delivering_ = false, stopping_ = false;
  std::atomic<uint64_t> next_number_{0};
};

}  // namespace mrun
