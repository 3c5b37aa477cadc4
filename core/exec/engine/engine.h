// Engine: the session of this process. Workers ("seats"), each with its own sandboxed state in which many items are
// alive, run scripts' slices and the joined calls between them; Rounds decides what is admitted and joined.
//
// One mutex guards what workers share; it is never held while a script, a model or foreign code (callbacks, deleters of
// tensors) runs. What is marked REQUIRES lets it go around such code, so what was true before need not be after. A state,
// and the passages in it, are touched by one thread at a time: the one that has its seat.
//
// Memory may run out anywhere. What a worker does with the lock held wants none (lists through the jobs, nodes made by
// submit) or ends at the item it was for (Rounds), so that every item is answered, with MEMORY, and the engine works on.
#pragma once
#include <thread>

#include "base/mutex.h"
#include "base/process_end.h"
#include "exec/engine/delivery.h"
#include "exec/engine/room.h"
#include "exec/engine/rounds.h"
#include "exec/engine/trace.h"
#include "exec/engine/usage.h"

namespace mrun {

class Engine : public Session {
 public:
  Engine(std::shared_ptr<const Bundle>, EngineOptions);
  ~Engine() override;
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  Result run(const Work &) override;
  uint64_t submit(Work, double wait, Done) override;
  bool cancel(uint64_t id) override;
  bool cancel_tagged(uint64_t tag);  // the item whose Work has the tag; looks through all that are unanswered
  void set_ordered(bool) override;
  void end_input() override;
  void drain() override;
  void stop() override;
  uint64_t next_number() override { return next_number_.fetch_add(1); }
  Value statistics() const override;
  Facts facts() const override;

 private:
  // A worker's place: a state and the jobs that live in it.
  struct Seat {
    // Of the thread that has set `busy`, with or without the lock.
    int number = 0;
    std::unique_ptr<State> state;  // made when it is first needed
    uint64_t items = 0;            // that this state has run

    // Of all, under the lock.
    JobList ready;      // to be stepped
    size_t jobs = 0;    // begun here, unfinished
    bool busy = false;  // a thread has it
    bool sleeping = false;
    Clock::time_point begun, slept_since;  // of its worker
    Clock::duration slept{};
    // Its state was over its memory. giving_up: all its jobs run again, alone, once they are collected. closing: the one
    // that was alone in it goes on; then a fresh state is made.
    bool giving_up = false, closing = false;
    JobList collected;
    bool told = false;  // answers, since end_telling()
    Clock::time_point told_since;
    size_t short_turns = 0;  // of slices, since a long one
    Condition wake;
  };

  // Lets the lock go while scripts, models and the host's functions run in it, and is counted; those that tell of answers
  // alone (Delivery) are not.
  class SCOPED_CAPABILITY Outside {
   public:
    explicit Outside(Engine &engine) RELEASE(engine.mutex_) : engine_(engine), outer_(innermost) {
      innermost = this;
      ++engine_.outside_;
      engine_.mutex_.unlock();
    }
    ~Outside() RELEASE() {
      innermost = outer_;
      --engine_.outside_;
      engine_.mutex_.lock();
    }
    Outside(const Outside &) = delete;
    Outside &operator=(const Outside &) = delete;
    static bool is_here(const Engine &engine) {  // in this thread
      const Outside *at = innermost;
      while (at != nullptr && &at->engine_ != &engine) at = at->outer_;
      return at != nullptr;
    }

   private:
    static inline thread_local const Outside *innermost = nullptr;
    Engine &engine_;
    const Outside *const outer_;
  };

  // engine.cpp: what the session offers. Once `stopping_` is set it stays so: nothing is taken in, all that was is answered.
  static std::vector<std::unique_ptr<Seat>> make_seats(int count);
  void want_usable(const char *what) const;   // in the process that started it
  void want_outside(const char *what) const;  // and in no callback of it
  Room::Free free_places() const REQUIRES(mutex_);
  void start_worker() REQUIRES(mutex_);
  bool may_run_directly() const REQUIRES(mutex_);
  Result run_directly(const Work &) REQUIRES(mutex_);
  Result run_queued(const Work &) EXCLUDES(mutex_);
  void cancel_job(Job &) REQUIRES(mutex_);
  void stop_items() REQUIRES(mutex_);
  void end_list() REQUIRES(mutex_);
  void end_all() REQUIRES(mutex_);
  void end();
  bool is_left() const;  // by its threads, or by the one that ends the process
  void abandon() NO_THREAD_SAFETY_ANALYSIS;
  void stand_still() NO_THREAD_SAFETY_ANALYSIS;
  void wait_for_those_outside(Clock::time_point until) const;
  Value queue_report() const REQUIRES(mutex_);
  Value memory_report() const REQUIRES(mutex_);

  // worker.cpp: what a worker does
  void work(Seat &);
  bool turn(Seat &) REQUIRES(mutex_);
  bool idle(Seat &) REQUIRES(mutex_);
  void take_items(Seat &) REQUIRES(mutex_);
  bool begin(Seat &, Job &) EXCLUDES(mutex_);
  Passage::Step step_job(Seat &, Job &, Clock::time_point now) EXCLUDES(mutex_);
  Passage::Step step_traced(Seat &, Passage &, const Job &, Clock::time_point now) EXCLUDES(mutex_);
  JobList step_jobs(Seat &, JobList &, bool &over) EXCLUDES(mutex_);
  void run_slices(Seat &) REQUIRES(mutex_);
  void renew_state(Seat &) REQUIRES(mutex_);
  void post(Seat &, Job &, Clock::time_point now) REQUIRES(mutex_);
  void end_job(Seat &, Job &, Result) REQUIRES(mutex_);
  bool may_tell_later(const Seat &) const;
  void end_telling(Seat &) REQUIRES(mutex_);
  void answer_batch(Seat &, const JoinedBatch &) EXCLUDES(mutex_);
  void run_batch(Seat &, const JoinedBatch &) REQUIRES(mutex_);
  void take_back() REQUIRES(mutex_);
  void make_ready(Job *) REQUIRES(mutex_);
  void wake_workers() REQUIRES(mutex_);
  bool may_run_batches(const Seat &) const;
  static bool takes_items(const Seat &seat) { return !seat.giving_up && !seat.closing; }

  // alone.cpp: an item by itself, and again by itself after its state was over its memory
  Result run_alone(Seat &, Job &, int64_t emits) EXCLUDES(mutex_);
  Result pass_alone(Seat &, Job &, int64_t &emits) EXCLUDES(mutex_);
  void give_up(Seat &) REQUIRES(mutex_);
  void run_again(Seat &) REQUIRES(mutex_);

  // Destroyed from the last to the first: jobs with their passages, then the states in which these live, then what both
  // refer to.
  const std::unique_ptr<Loaded> loaded_;
  Statistics statistics_;
  Usage usage_;
  Trace trace_;
  const int process_;     // that started it; a forked child has none of the threads
  const size_t runners_;  // workers that may run batches

  std::atomic<int> outside_{0};  // threads in scripts, models and the host's functions
  mutable Mutex mutex_;
  Condition changed_;                 // nothing pending, a seat let go
  Rounds rounds_ GUARDED_BY(mutex_);  // refers to jobs, which it does not own: a job goes once finished() was said
  const std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  Room room_ GUARDED_BY(mutex_);               // in the queue
  Delivery<Job> delivery_ GUARDED_BY(mutex_);  // owns the jobs; their ids are its numbers
  std::vector<std::shared_ptr<ItemContext>> direct_items_ GUARDED_BY(mutex_);  // of run() in callers' threads
  size_t draining_ GUARDED_BY(mutex_) = 0;                                     // callers that wait for the end
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> next_number_{0};
  const AtProcessEnd at_process_end_{[this] { stand_still(); }, [this](auto until) { wait_for_those_outside(until); }};
};

}  // namespace mrun
