// From what the worker said of an item to whoever waits for it.
#include "exec/engine/callback_scope.h"
#include "isolate/remote/session.h"

namespace mrun {
namespace {

// What waits to be told, and its bytes: the worker is not read meanwhile, so that one that emits without end fills no memory.
constexpr size_t most_events = 4096, most_untold = size_t{64} << 20;

}  // namespace

// A partial or observed value. What an earlier worker said of this item already is not told twice.
void RemoteSession::pass_on(const JobPtr &job, Event event) {
  Lock lock(mutex_);
  const size_t which = event.stage.empty() ? 0 : 1;
  if (++job->heard[which] <= job->told[which]) return;
  ++job->told[which];
  const auto has_room = [&] {
    return stopping_ || (job->events.size() < most_events && letters_.size() < most_events && untold_ < most_untold);
  };
  if (!has_room()) {
    keeper_waits_ = true;
    if (asking_ > 0) changed_.notify_all();
    changed_.wait(lock, has_room);
    keeper_waits_ = false;
  }
  untold_ += event.bytes;
  post(job, std::move(event));
}

void RemoteSession::finish(uint64_t id, Result result) {
  Lock lock(mutex_);
  finish(id, std::move(result), lock);
}

void RemoteSession::finish(uint64_t id, Result result, Lock &) {
  const auto at = jobs_.find(id);
  if (at == jobs_.end()) return;
  const JobPtr job = at->second;
  jobs_.erase(at);
  if (alone_.erase(id) != 0) send_next_ = true;
  if (by_itself_ == id) {
    by_itself_ = 0;
    if (options_.offline) send_next_ = true;
  }
  statistics_.add(result.timings, result.error.code);
  post(job, {{}, {}, std::make_unique<Result>(std::move(result))});
}

// Under the lock. Results of submitted items wait for those before them where order is wanted.
void RemoteSession::post(const JobPtr &job, Event event) {
  if (!job->done) {
    job->events.push_back(std::move(event));
    job->changed.notify_all();
    if (job->reads != nullptr) job->reads->ring();
  } else if (!ordered_ || event.result == nullptr) {
    letters_.push_back({job, std::move(event)});
  } else {
    ready_.emplace(job->id, Letter{job, std::move(event)});
    while (!ready_.empty() && ready_.begin()->first == next_delivery_) {
      letters_.push_back(std::move(ready_.begin()->second));
      ready_.erase(ready_.begin());
      ++next_delivery_;
    }
  }
  letters_came_.notify_one();
}

void RemoteSession::carry_letters() {
  Lock lock(mutex_);
  for (;;) {
    letters_came_.wait(lock, [this] { return !letters_.empty() || stopping_; });
    if (letters_.empty()) return;
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    carry(std::move(letter), lock);
  }
}

// Wakes those alone for whom something has changed: a switch of threads takes longer than many an item.
void RemoteSession::tell_of_change() {
  if (keeper_waits_ || (pending_ == 0 && callbacks_ == 0)) changed_.notify_all();
  if (blocked_ > 0 && has_much_room()) room_.notify_all();
}

// A callback's own place in the queue is free while it runs.
void RemoteSession::carry(Letter letter, Lock &lock) {
  const bool last = letter.event.result != nullptr;
  if (last) --pending_;
  untold_ -= letter.event.bytes;
  ++callbacks_;
  tell_of_change();
  lock.unlock();
  {
    const CallbackScope scope(this);
    const Letter open = std::move(letter);
    try {
      if (last) {
        open.job->work.input = Value();  // goes before its `done` comes
        open.job->done(open.job->id, std::move(*open.event.result));
      } else if (open.event.stage.empty()) {
        open.job->work.emit(open.event.value);
      } else {
        open.job->work.observe(open.event.stage, open.event.value);
      }
    } catch (...) {
      // A host's callback must not throw (mrun.h, 3); what it threw has nowhere to go.
    }
  }
  lock.lock();
  --callbacks_;
  tell_of_change();
}

}  // namespace mrun
