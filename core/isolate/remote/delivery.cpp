// From what the worker said of an item to whoever waits for it.
#include <algorithm>
#include <utility>

#include "exec/engine/callback_scope.h"
#include "isolate/remote/failures.h"
#include "isolate/remote/session.h"

namespace mrun {
namespace {

// What waits to be told, and its bytes: the worker is not read meanwhile, so that one that emits without end fills no memory.
constexpr size_t most_events = 4096, most_untold = size_t{64} << 20;
constexpr size_t most_at_once = 128;  // results that are told between two looks at what is shared

}  // namespace

bool RemoteSession::may_be_told(const RemoteJob &job) const {
  const size_t events = job.caller == nullptr ? letters_.size() : job.caller->events.size();
  return stopping_ || (events < most_events && untold_ < most_untold);
}

// A partial or observed value. What an earlier worker said of this item already is not told twice, and nothing once the item
// is answered, as by a stop while this waits: the host may have let go of what its emit uses.
void RemoteSession::pass_on(const JobPtr &job, Event event) {
  const ExclusiveLock lock(mutex_);
  const size_t which = event.stage.empty() ? 0 : 1, bytes = event.bytes;
  if (++job->heard[which] <= job->told[which]) return;
  if (!may_be_told(*job)) {
    keeper_waits_ = true;
    if (asking_ > 0) changed_.notify_all();
    while (!may_be_told(*job)) changed_.wait(mutex_);
    keeper_waits_ = false;
  }
  if (job->result) return;
  if (job->caller == nullptr) {
    post(new Letter{job, std::make_unique<Event>(std::move(event))});
  } else {
    job->caller->events.push_back(std::move(event));
    wake(*job->caller);
  }
  untold_ += bytes;
  ++job->told[which];
}

// An item that was finished before is left as it is. Results of submitted items wait for those before them where order is
// wanted.
void RemoteSession::finish(uint64_t id, Result &&result) noexcept {
  const auto at = jobs_.find(id);
  if (at != jobs_.end()) finish(at, std::move(result));
}

void RemoteSession::finish(Jobs::iterator at, Result &&result) noexcept {
  Jobs::node_type node = jobs_.extract(at);
  const JobPtr job = node.mapped();
  if (std::exchange(job->alone, false)) {
    --alone_;
    send_next_ = true;
  }
  if (by_itself_ == job->id) {
    by_itself_ = 0;
    if (options_.offline) send_next_ = true;
  }
  if (job->starved) result = starved();
  job->result = std::move(result);
  if (!job->work.answer) job->result->answer = Value();  // whatever a worker says that is not one
  statistics_.add(job->result->timings, job->result->error.code());
  if (job->caller != nullptr) return wake(*job->caller);
  if (!ordered_) return post_result(job);
  ready_.insert(std::move(node));
  while (!ready_.empty() && ready_.begin()->first == next_delivery_) {
    post_result(ready_.begin()->second);
    ready_.erase(ready_.begin());
    ++next_delivery_;
  }
}

// Wherever it waits.
void RemoteSession::wake(Caller &caller) {
  caller.changed.notify_all();
  if (caller.reads != nullptr) caller.reads->ring();
}

void RemoteSession::post_result(const JobPtr &job) {
  job->letter.job = job;
  post(&job->letter);
}

void RemoteSession::post(Letter *letter) {
  const bool waits = letters_.empty();  // the postman; else it has been woken, or is about
  letters_.push_back(letter);
  if (waits && !finishes_many_) letters_came_.notify_one();
}

void RemoteSession::carry_letters() {
  const ExclusiveLock lock(mutex_);
  for (;;) {
    while (letters_.empty() && !stopping_) letters_came_.wait(mutex_);
    if (letters_.empty()) return;
    carry(next_letters());
  }
}

// An event by itself; results several at a time, but not so many that a submitter who waits would have been woken between
// them: each by itself would contend for the lock with the threads that submit and read.
RemoteSession::Letters RemoteSession::next_letters() {
  const size_t most = std::min(most_at_once, Room::many_of(static_cast<size_t>(options_.queue)));
  Letters next;
  do {
    next.push_back(letters_.pop_front());
  } while (next.size() < most && !next.front()->event && !letters_.empty() && !letters_.front()->event);
  return next;
}

// Wakes those alone for whom something has changed: a switch of threads takes longer than many an item.
void RemoteSession::tell_of_change() {
  if (keeper_waits_ || (pending_ == 0 && callbacks_ == 0)) changed_.notify_all();
  room_.tell();
}

// A callback's own place in the queue is free while it runs.
void RemoteSession::carry(Letters letters) {
  const size_t callbacks = letters.size();
  if (const auto &event = letters.front()->event) {
    untold_ -= event->bytes;
  } else {
    pending_ -= callbacks;
  }
  callbacks_ += callbacks;
  tell_of_change();
  {
    const Unlocked unlocked(mutex_);
    const CallbackScope scope(this);
    while (Letter *letter = letters.pop_front()) deliver(*letter);
  }
  callbacks_ -= callbacks;
  tell_of_change();
}

// It goes with this: one of an event by itself, that of a result with its job.
void RemoteSession::deliver(Letter &letter) noexcept {
  const JobPtr job = std::move(letter.job);
  if (!letter.event) return tell_result(*job);
  const std::unique_ptr<Letter> owned(&letter);
  tell(*job, *letter.event);
}

// A host's callback must not throw (mrun.h, 3); what it threw has nowhere to go.
void RemoteSession::tell(RemoteJob &job, Event &event) noexcept {
  try {
    event.stage.empty() ? job.work.emit(std::move(event.value)) : job.work.observe(event.stage, event.value);
  } catch (...) {}
}

void RemoteSession::tell_result(RemoteJob &job) noexcept {
  try {
    job.work.input = Value();  // goes before its `done` comes
    job.done(job.id, std::move(*job.result));
  } catch (...) {}
}

}  // namespace mrun
