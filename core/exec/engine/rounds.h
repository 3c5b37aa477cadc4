// Rounds: which items are admitted, and which of their waiting calls run together. Plain data and rules; no thread, no
// lock, no clock of its own: the engine holds its mutex around every call and tells the time.
//
// Nothing but add() throws. Joining calls wants memory; where there is none, the calls that it was for fail with MEMORY,
// each with its own item, and all else goes on.
//
// Offline (all inputs are there) items go to lanes by number. A lane moves when none of its items runs and none of its
// batches is out, so what is joined depends on the items alone, never on timing:
//   1. While fewer than `live` items are alive and the next one is of their block (of `block` items in a row): admit it.
//      If it has not been read yet, the lane is parked until it has. If any was admitted, it runs first.
//   2. Every full batch is cut, groups by key, calls by item.
//   3. If none was full, the largest group is cut (of equals the one with the lowest item).
//   4. Every other group ages by 1, and is cut at 8: else odd shapes would fill the lane.
// Two lanes overlap: one runs scripts while the other's batch is out. No lane can wait for ever: the lane of the lowest
// unfinished item always may move. No call is joined with one of another block: whole blocks may be given to several
// engines, and the answers have the same bits.
//
// Online there is one lane: items are admitted as they come, a batch leaves when it is full, when its oldest call has
// waited `max_delay`, or, where there is no delay, as soon as nothing else can run; the most overdue group first.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "exec/engine/job.h"

namespace mrun {

struct RoundsOptions {
  bool offline = false;
  size_t live = 64;      // items alive in a lane
  uint64_t block = 512;  // offline, in items
  Clock::duration max_delay{};
  size_t runners = 1;  // batches that can run at once
};

struct JoinedBatch {
  std::vector<Job *> jobs;
  size_t lane = 0;
};

class Rounds {
 public:
  // config: how a call is joined.
  using ConfigOf = std::function<const BatchConfig &(const PendingCall &)>;
  Rounds(RoundsOptions, ConfigOf config);

  // The next in order of submission. Throws bad_alloc, and is as it was then.
  void add(Job *);
  void end_of_input(bool ended);               // whether lanes need not wait for more
  size_t backlog() const { return backlog_; }  // added, not admitted
  // How many of these are enough for what is admitted next.
  size_t room() const;
  bool starved() const;  // a lane has none left

  // What happened. Each but returned() moves the lane on.
  void waits(Job *, Clock::time_point now);  // its slice ended with a call
  void finished(Job *);                      // its last slice has ended
  void returned(const JoinedBatch &);        // its calls have been answered: the jobs run again
  void tick(Clock::time_point now);          // time has passed
  // Takes a waiting job out of its group: it runs again. False where it does not wait.
  bool withdraw(Job *) noexcept;

  // What is to be done.
  Job *take_admitted() { return admitted_.pop_front(); }  // null: none
  size_t admitted() const { return admitted_.size(); }
  std::optional<JoinedBatch> take_batch();
  size_t batches() const { return batches_.size(); }
  // Waiting jobs that run again without a batch: ended meanwhile, or given MEMORY for their call's results.
  JobList take_back() { return std::exchange(back_, {}); }
  std::optional<Clock::time_point> next_delay() const;  // when tick has something to do

 private:
  struct Group {
    std::vector<Job *> calls;  // by item, whenever each came
    int64_t rows = 0;          // of all of them
    int age = 0;
  };
  struct Lane {
    size_t number = 0;
    JobList backlog;
    uint64_t last = 0;              // added
    std::set<uint64_t> unfinished;  // added. As admission is in order, those of `backlog` are the last in it
    size_t alive = 0;               // admitted, unfinished
    size_t running = 0, inflight = 0;
    std::map<std::string, Group> groups;
  };
  using Groups = std::map<std::string, Group>;
  using GroupAt = Groups::iterator;

  void advance(Lane &, Clock::time_point now);
  uint64_t block_of(uint64_t seq) const { return seq / options_.block; }
  bool expects_more(const Lane &) const;
  bool admit(Lane &, bool &parked);
  void join_group(Lane &, Job *);
  void send_back(Lane &, Job *) noexcept;
  void drop_ended(Lane &);
  void dispatch_round(Lane &);
  void dispatch_online(Lane &, Clock::time_point now);
  bool may_be_full(const Group &) const;
  Selection selection(const Group &) const;
  void add_batch(const Lane &, const Group &, const Selection &);
  bool cut(Lane &, GroupAt &, bool only_full);
  size_t cut_full(Lane &);

  const RoundsOptions options_;
  const ConfigOf config_;
  std::vector<Lane> lanes_;
  JobList admitted_, back_;
  std::deque<JoinedBatch> batches_;
  size_t backlog_ = 0;
  bool ended_ = false;
};

}  // namespace mrun
