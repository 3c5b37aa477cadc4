// RemoteGroup: a session over several worker processes, each of which a RemoteSession of its own keeps. It shares items out,
// counts the queue's places, and gives answers out in order where that is wanted; all else they do.
//
// Online an item goes to the one that has the fewest. Offline whole blocks of items do (Facts::block): as no call is joined
// with one of another block, it makes no difference to the bits of an answer which of them has it, nor how many there are.
#pragma once
#include <vector>

#include "exec/engine/delivery.h"
#include "exec/engine/room.h"
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
  struct Taken {        // an item that a member has
    uint64_t id = 0;    // once it is answered
    Done done;          // empty: the member did not take it in
    size_t member = 0;  // who has it
    uint64_t number = 0;
  };

  EngineOptions options_of(size_t member);
  void start(const std::shared_ptr<const Bundle> &, const std::shared_ptr<const HandedFiles> &);
  Work in_scope(Work) const;
  void want_usable(const char *what) const;   // in the process that started it
  void want_outside(const char *what) const;  // and in no callback of it
  Room::Free free_places() const REQUIRES(mutex_);
  size_t least_loaded() const REQUIRES(mutex_);
  size_t choose() REQUIRES(mutex_);
  uint64_t id_of(uint64_t id, size_t member) const { return id * members_.size() + member; }
  uint64_t hand_on(Delivery<Taken>::Node, Work) EXCLUDES(mutex_);
  void finish(const Taken &, Result) EXCLUDES(mutex_);
  void end();

  const EngineOptions options_;  // of all together
  const int process_;            // that started it
  Statistics statistics_;
  std::atomic<uint64_t> next_number_{0};

  Mutex handing_on_;  // offline: items reach a member in the order of their places. Taken before mutex_
  mutable Mutex mutex_;
  Condition changed_;                             // everything has been told
  uint64_t left_ GUARDED_BY(mutex_) = 0;          // items that the block's member still gets
  size_t member_ GUARDED_BY(mutex_) = 0;          // who gets them
  std::vector<size_t> loads_ GUARDED_BY(mutex_);  // items not answered, by member
  Room room_ GUARDED_BY(mutex_);
  Delivery<Taken> delivery_ GUARDED_BY(mutex_);
  size_t draining_ GUARDED_BY(mutex_) = 0;  // callers that wait for the end
  bool stopping_ GUARDED_BY(mutex_) = false;
  uint64_t block_ = 1;                                   // this and the next: made by the constructor
  std::vector<std::unique_ptr<RemoteSession>> members_;  // the last: they use all the others
};

}  // namespace mrun
