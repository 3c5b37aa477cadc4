// RemoteGroup: a session over several worker processes, each of which a RemoteSession of its own keeps. It shares items out,
// counts the queue's places, and gives answers out in order where that is wanted; all else they do.
//
// Online an item goes to the one that has the fewest. Offline whole blocks of items do (Facts::block): as no call is joined
// with one of another block, it makes no difference to the bits of an answer which of them has it, nor how many there are.
#pragma once
#include <map>
#include <vector>

#include "base/mutex.h"
#include "isolate/remote/session.h"

namespace mrun {

class RemoteGroup final : public Session {
 public:
  RemoteGroup(const std::shared_ptr<const Bundle> &, EngineOptions, const std::shared_ptr<const HandedFiles> &);
  ~RemoteGroup() override;  // stop
  RemoteGroup(const RemoteGroup &) = delete;
  RemoteGroup &operator=(const RemoteGroup &) = delete;

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

 private:
  struct Place {
    size_t member = 0;
    uint64_t number = 0;  // in the order of submission
  };
  struct Answer {
    uint64_t id = 0;
    Done done;  // empty: the item was not taken in
    Result result;
  };

  EngineOptions options_of(size_t member);
  void start(const std::shared_ptr<const Bundle> &, const std::shared_ptr<const HandedFiles> &);
  Work in_scope(Work) const;
  void want_usable(const char *what) const;   // in the process that started it
  void want_outside(const char *what) const;  // and in no callback of it
  bool has_room() const REQUIRES(mutex_);
  bool has_much_room() const REQUIRES(mutex_);
  void wait_for_room(double wait) REQUIRES(mutex_);
  void tell_of_change() REQUIRES(mutex_);
  bool all_answered() const REQUIRES(mutex_) { return pending_ == 0 && callbacks_ == 0; }
  size_t least_loaded() const REQUIRES(mutex_);
  size_t choose() REQUIRES(mutex_);
  uint64_t hand_on(Place &, Work, Done) EXCLUDES(mutex_);
  void finish(Place, Answer) EXCLUDES(mutex_);
  void deliver() REQUIRES(mutex_);
  void end();

  const EngineOptions options_;  // of all together
  const int process_;            // that started it
  Statistics statistics_;
  std::atomic<uint64_t> next_number_{0};

  Mutex handing_on_;  // offline: items reach a member in the order of their places. Taken before mutex_
  mutable Mutex mutex_;
  Condition changed_, room_;
  uint64_t left_ GUARDED_BY(mutex_) = 0;                 // items that the block's member still gets
  size_t member_ GUARDED_BY(mutex_) = 0;                 // who gets them
  std::vector<size_t> loads_ GUARDED_BY(mutex_);         // items not answered, by member
  std::map<uint64_t, Answer> ready_ GUARDED_BY(mutex_);  // by place, not delivered
  uint64_t next_place_ GUARDED_BY(mutex_) = 0, next_delivery_ GUARDED_BY(mutex_) = 0;
  size_t pending_ GUARDED_BY(mutex_) = 0, callbacks_ GUARDED_BY(mutex_) = 0, draining_ GUARDED_BY(mutex_) = 0;
  bool ordered_ GUARDED_BY(mutex_) = false,
                delivering_ GUARDED_BY(mutex_) = false, stopping_ GUARDED_BY(mutex_) = false;
  uint64_t block_ = 1;                                   // this and the next: made by the constructor
  std::vector<std::unique_ptr<RemoteSession>> members_;  // the last: they use all the others
};

}  // namespace mrun
