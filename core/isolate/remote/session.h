// RemoteSession: the session of a bundle that runs in a worker process. What the engine of this process would do with an
// item the worker's engine does; here are the queue of those that wait for an answer, the callbacks, and what happens
// when the worker does not answer, dies, or talks nonsense.
//
// Threads: the keeper reads what the worker says, ends one that does not answer, and starts the next; the postman runs
// `done` callbacks of submitted items. An item of run() is told in the thread that called it, which also reads the answer of
// one that has the worker's thread for such to itself. One mutex guards what they share; it is not held while anything is
// sent, or a callback runs.
//
// When a worker ends, the page that it shares tells whose slice or joined call it was in. If that is one item, it is
// guilty: CRASH, TIMEOUT or PROTOCOL. If there are several, each runs by itself in the next worker, and who ends that one
// is guilty. All others run again, and what they had emitted is not told twice.
//
// Memory may run out anywhere in this process, too. What an item needs to be answered is made when it is added, so from then
// on finish() wants none, whoever it is called by; an item that there is no memory for fails with MEMORY, and the session
// works on.
#pragma once
#include <list>
#include <map>
#include <thread>

#include "base/linked_queue.h"
#include "base/mutex.h"
#include "exec/engine/job.h"
#include "exec/engine/room.h"
#include "isolate/remote/worker.h"

namespace mrun {

class RemoteSession final : public Session {
 public:
  RemoteSession(std::shared_ptr<const Bundle>, EngineOptions, std::shared_ptr<const HandedFiles>);
  ~RemoteSession() override;  // stop
  RemoteSession(const RemoteSession &) = delete;
  RemoteSession &operator=(const RemoteSession &) = delete;

  Result run(const Work &) override;
  uint64_t submit(Work, double wait, Done) override;
  bool cancel(uint64_t id) override;
  void set_ordered(bool) override;
  void end_input() override;
  void drain() override;
  void stop() override;
  uint64_t next_number() override { return next_number_.fetch_add(1); }
  Value statistics() const override;
  Facts facts() const override;
  // Somebody waits for a place, here or in the session's group: what was gathered for the worker goes, and one that stays silent
  // is ended. (An offline item without a deadline is gathered while nobody does; with end_input() and drain() it goes.)
  void expect_answers() noexcept EXCLUDES(mutex_);

 private:
  static constexpr uint64_t first_run = uint64_t{1} << 63;  // ids of run()'s items: they have no place in the order
  // What the worker said of an item before its answer. stage: "" a partial answer, else what was observed.
  struct Event {
    std::string stage;
    Value value;
    size_t bytes = 0;  // of the value, until somebody has been told
  };
  struct RemoteJob;
  using JobPtr = std::shared_ptr<RemoteJob>;
  // For the postman. Of an event it is by itself; that of a result is in its job, so that a result never wants memory.
  struct Letter {
    JobPtr job;
    std::unique_ptr<Event> event;  // null: the job's result
    Letter *next = nullptr;
  };
  using Letters = LinkedQueue<Letter>;
  // The thread that called run(), which waits for its item. The session's mutex guards it.
  struct Caller {
    Condition changed;
    RemoteWorker *reads = nullptr;  // whose channel for items by themselves it waits at
    std::optional<Answer> answer;   // that it has read there
    std::list<Event> events;        // that it is to tell
  };
  // The session's mutex guards it, but for what stays as it was made: id, done, submitted, caller, and the work. (Its input goes
  // before the answer is told.) Thousands wait at a time, out of the caches: what run() alone needs is its caller's, so that the
  // others are small.
  struct RemoteJob {
    uint64_t id = 0;
    Work work;
    Done done;  // empty: of run()
    Clock::time_point submitted, sent_at;
    bool sent = false;       // or being sent, to the worker that serves
    bool delivered = false;  // sent, all of it: what is said of it now comes behind it
    bool cancelled = false;
    bool starved = false;                         // there was no memory for what was said of it: its answer is MEMORY
    bool overdue = false;                         // what its worker was ended for
    bool alone = false;                           // to be run one by one with others such, before all others
    const char *suspected = nullptr;              // the stage in which it may have ended its worker: of bury()
    std::unique_ptr<Caller> caller;               // of run()
    Letter letter;                                // of its result; without its job until that is on its way
    std::optional<Result> result;                 // once it is finished
    int64_t told[2] = {0, 0}, heard[2] = {0, 0};  // partial and observed values: ever passed on; from this worker
  };
  using Jobs = std::map<uint64_t, JobPtr>;
  using WorkerPtr = std::shared_ptr<RemoteWorker>;
  struct Outgoing {  // an item on its way
    JobPtr job;
    WorkerPtr worker;
    Work work;
    Kind how = Kind::submit;
  };

  // session.cpp: what the session offers
  void end();
  void abandon() NO_THREAD_SAFETY_ANALYSIS;
  void want_usable(const char *what) const;
  Room::Free free_places() const REQUIRES(mutex_);
  JobPtr add(uint64_t id, Work &&, Done &&) REQUIRES(mutex_);
  bool may_send(const RemoteJob &) const REQUIRES(mutex_);
  bool is_next(const RemoteJob &) const REQUIRES(mutex_);
  std::optional<Outgoing> take_out(const JobPtr &) REQUIRES(mutex_);
  Sending when_to_send(const RemoteJob &) const REQUIRES(mutex_);
  void send(const JobPtr &) EXCLUDES(mutex_);
  bool send_out(Outgoing &, Sending) EXCLUDES(mutex_);
  bool pass_to_worker(Outgoing &, Sending) EXCLUDES(mutex_);
  static void say(RemoteWorker &, Kind, uint64_t id = 0) noexcept;
  void tell_end() EXCLUDES(mutex_);
  void ask_for_counts() const REQUIRES(mutex_);
  Value queue_report(const Value *of_worker) const REQUIRES(mutex_);

  // follow.cpp: the thread that called run()
  Result follow(const JobPtr &);
  void follow_event(RemoteJob &) REQUIRES(mutex_);
  bool reads_itself(const RemoteJob &) const REQUIRES(mutex_);
  void read_answer(RemoteJob &) REQUIRES(mutex_);
  bool is_answered(const RemoteJob &) const REQUIRES(mutex_);
  void take_answer(RemoteJob &) REQUIRES(mutex_);

  // delivery.cpp: from an event to whoever waits for it
  bool may_be_told(const RemoteJob &) const REQUIRES(mutex_);
  void pass_on(const JobPtr &, Event) EXCLUDES(mutex_);
  void finish(uint64_t id, Result &&) noexcept REQUIRES(mutex_);
  void finish(Jobs::iterator, Result &&) noexcept REQUIRES(mutex_);
  static void wake(Caller &);
  void post_result(const JobPtr &) REQUIRES(mutex_);
  void post(Letter *) REQUIRES(mutex_);
  void carry_letters();
  Letters next_letters() REQUIRES(mutex_);
  void carry(Letters) REQUIRES(mutex_);
  static void deliver(Letter &) noexcept;
  static void tell(RemoteJob &, Event &) noexcept;
  static void tell_result(RemoteJob &) noexcept;
  void tell_of_change() REQUIRES(mutex_);

  // keeper.cpp: the worker's life
  WorkerPtr start_worker();
  void keep();
  Error serve(RemoteWorker &);
  bool is_busy() const;
  void handle(RemoteWorker &, Frame &);
  void dispatch(RemoteWorker &, Frame &);
  void miss(const Frame &);
  void handle_item(RemoteWorker &, Frame &);
  void read_result(RemoteWorker &, const Frame &);
  void tell_answered(RemoteWorker &) EXCLUDES(mutex_);
  bool finish_answered() noexcept EXCLUDES(mutex_);
  void handle_talk(Frame &);
  void handle_log(Frame &);
  void handle_trace(Frame &);
  void call_host(const std::function<void()> &);
  void note_handled(uint64_t frames);
  bool is_overdue(RemoteWorker &, Clock::time_point looked);
  bool is_silent(Clock::time_point now) const REQUIRES(mutex_);
  void bury(RemoteWorker &, Error why);
  size_t mark_suspects(const RemoteWorker &) REQUIRES(mutex_);
  void put_back(const JobPtr &, bool guilty, const Error &) REQUIRES(mutex_);
  bool renew();
  void send_waiting();
  void fail_all(const Error &);

  const std::shared_ptr<const Bundle> bundle_;
  const EngineOptions options_;
  const std::shared_ptr<const HandedFiles> files_;
  const int process_;
  Statistics statistics_;

  mutable Mutex mutex_;
  mutable Condition changed_;  // nothing pending, room for events, a worker, statistics
  Condition letters_came_;
  Room room_ GUARDED_BY(mutex_);  // in the queue
  // Null: none that serves, none that is being started. Who works with one unlocked holds it by its pointer: the keeper may
  // replace it meanwhile.
  WorkerPtr worker_ GUARDED_BY(mutex_), starting_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;  // what serves was told to end
  Jobs jobs_ GUARDED_BY(mutex_);            // not answered
  Letters letters_ GUARDED_BY(mutex_);
  bool finishes_many_ GUARDED_BY(mutex_) = false;  // who does wakes the postman, once the lock is free
  size_t untold_ GUARDED_BY(mutex_) = 0;           // bytes of events
  Jobs ready_ GUARDED_BY(mutex_);                  // answered, behind some that are not: where order is wanted
  uint64_t next_id_ GUARDED_BY(mutex_) = 1, next_delivery_ GUARDED_BY(mutex_) = 1;
  uint64_t next_run_ GUARDED_BY(mutex_) = first_run;
  size_t pending_ GUARDED_BY(mutex_) = 0;           // submitted, not told
  size_t callbacks_ GUARDED_BY(mutex_) = 0;         // that have not returned
  size_t draining_ GUARDED_BY(mutex_) = 0;          // callers that wait for the end
  size_t runs_ GUARDED_BY(mutex_) = 0;              // callers of run() that have not returned
  mutable size_t asking_ GUARDED_BY(mutex_) = 0;    // that wait for counts
  bool keeper_waits_ GUARDED_BY(mutex_) = false;    // for room for events
  bool keeper_calls_ GUARDED_BY(mutex_) = false;    // the host's log or trace
  std::optional<Error> broken_ GUARDED_BY(mutex_);  // what was wrong in an answer that run()'s thread has read
  uint64_t by_itself_ GUARDED_BY(mutex_) = 0;       // the item that the worker's thread for such has; 0: none
  bool ordered_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;           // no more is to come, for now: of the worker's engine
  bool stopping_ GUARDED_BY(mutex_) = false;        // for good
  size_t alone_ GUARDED_BY(mutex_) = 0;             // jobs that are
  bool timed_out_ GUARDED_BY(mutex_) = false;       // it was ended because something did not
  std::optional<Value> counts_ GUARDED_BY(mutex_);  // what the worker that serves has last counted
  uint64_t counts_said_ GUARDED_BY(mutex_) = 0;     // how often
  Locked locked_ GUARDED_BY(mutex_);
  uint64_t block_ GUARDED_BY(mutex_) = 1;
  size_t deaths_ GUARDED_BY(mutex_) = 0;  // since the last answer
  Clock::time_point last_result_ GUARDED_BY(mutex_);
  bool expected_ GUARDED_BY(mutex_) = false;           // answers, since somebody waits for a place
  Clock::time_point waited_since_ GUARDED_BY(mutex_);  // since they are, or the list has ended

  std::atomic<uint64_t> handled_{0};          // frames of the worker that serves
  std::atomic<bool> handling_wanted_{false};  // an answer waits for frames before it
  std::atomic<bool> send_next_{false};        // some may wait that can go now: for the keeper
  std::atomic<uint64_t> next_number_{0};
  // Of the keeper: results that have been read, for finish_answered(); since when this process has been awake, as far as it
  // knows. And of the constructor before it: what was logged in this second.
  std::vector<std::pair<uint64_t, Result>> answered_;
  Clock::time_point awake_since_;
  size_t log_bytes_ = 0;
  Clock::time_point log_since_;
  Mutex joining_;  // a second stop() waits for the first
  // The last: they use all the others. The first submit makes the postman; end() joins them.
  std::thread keeper_, postman_;
};

// What the options leave to the bundle, filled in. Of a group's members all traces begin at once: with the group.
EngineOptions with_defaults(EngineOptions, const Bundle &);

}  // namespace mrun
