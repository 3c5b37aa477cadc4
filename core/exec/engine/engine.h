// Engine: the session of this process. Workers ("seats"), each with its own sandboxed state in which many items are
// alive, run scripts' slices and the joined calls between them; Rounds decides what is admitted and joined.
//
// One mutex guards what workers share; it is never held while a script, a model or foreign code (callbacks, deleters of
// tensors) runs. A state, and the passages in it, are touched by one thread at a time: the one that has its seat.
#pragma once
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "exec/engine/rounds.h"
#include "exec/engine/trace.h"

namespace mrun {

class Engine : public Session {
 public:
  Engine(std::shared_ptr<const Bundle>, EngineOptions);
  ~Engine() override;  // stop
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  Result run(const Work &) override;
  uint64_t submit(Work, double wait, Done) override;
  bool cancel(uint64_t id) override;
  void set_ordered(bool) override;
  void end_input() override;
  void drain() override;
  void stop() override;
  uint64_t next_number() override { return next_number_.fetch_add(1); }
  Value statistics() const override { return statistics_.report(); }
  Facts facts() const override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using JobPtr = std::unique_ptr<Job>;

  // A worker's place: a state and the jobs that live in it.
  struct Seat {
    int number = 0;
    std::unique_ptr<State> state;  // made when it is first needed
    uint64_t items = 0;            // that this state has run
    std::deque<Job *> ready;       // to be stepped
    size_t jobs = 0;               // begun here, unfinished
    bool busy = false;             // a thread has it
    bool sleeping = false;
    // Its state was over its memory. giving_up: all its jobs run again, alone, once they are collected. closing: the one
    // that was alone in it goes on; then a fresh state is made.
    bool giving_up = false, closing = false;
    std::vector<Job *> collected;
    std::condition_variable wake;
  };
  struct Answer {
    JobPtr job;
    Result result;
  };

  // engine.cpp: what the session offers
  void want_usable(const char *what) const;
  void wait_for_room(Lock &, double wait);
  void start_worker();
  bool may_run_directly() const;
  Result run_directly(const Work &, Lock &);
  Result run_queued(const Work &);
  void end_all();

  // worker.cpp: what a worker does
  void work(Seat &);
  bool turn(Seat &, Lock &);
  bool idle(Seat &, Lock &);
  void take_items(Seat &, Lock &);
  bool begin(Seat &, Job &);
  Passage::Step step_job(Seat &, Job &);
  Passage::Step step_traced(Seat &, Passage &, const Job &);
  void run_slices(Seat &, Lock &);
  void renew_state(Seat &, Lock &);
  void post(Seat &, Job &, Passage::Step, Lock &);
  void end_job(Seat &, Job &, Result, Lock &);
  void run_batch(Seat &, JoinedBatch, Lock &);
  void make_ready(Job *);
  void wake_workers();
  bool may_run_batches(const Seat &) const;

  // alone.cpp: an item by itself, and again by itself after its state was over its memory
  Result run_alone(Seat &, Job &, int64_t emits);
  Result pass_alone(Seat &, Job &, int64_t &emits);
  void give_up(Seat &);
  void run_again(Seat &, Lock &);

  // delivery.cpp: from a result to its `done`
  void finish(Job &, Result, Lock &);
  void deliver(Lock &);

  const std::unique_ptr<Loaded> loaded_;
  Statistics statistics_;
  Trace trace_;
  const int process_;     // that started it; a forked child has none of the threads
  const size_t runners_;  // workers that may run batches

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // room in the queue, nothing pending, a seat let go
  Rounds rounds_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::thread> threads_;
  std::unordered_map<uint64_t, JobPtr> jobs_;               // submitted, not answered
  std::vector<std::shared_ptr<ItemContext>> direct_items_;  // of run() in callers' threads
  std::map<uint64_t, Answer> ready_;                        // answered, not delivered
  uint64_t next_id_ = 1, next_delivery_ = 1;
  size_t pending_ = 0;    // submitted, not delivered
  size_t callbacks_ = 0;  // `done` that have not returned
  size_t draining_ = 0;   // callers that wait for the end
  bool ordered_ = false, delivering_ = false, stopping_ = false;
  std::atomic<uint64_t> next_number_{0};
};

}  // namespace mrun
