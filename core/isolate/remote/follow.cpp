// The thread that called run(): tells what comes of its item, and reads the answer of one that runs by itself, since to be woken
// by the keeper for it would cost a switch of threads more.
#include "exec/engine/callback_scope.h"
#include "isolate/remote/failures.h"
#include "isolate/remote/session.h"

namespace mrun {

Result RemoteSession::follow(const JobPtr &job) {
  const ExclusiveLock lock(mutex_);
  Caller &caller = *job->caller;
  for (;;) {
    if (!caller.events.empty()) {
      follow_event(*job);
    } else if (job->result) {
      return std::move(*job->result);
    } else if (is_answered(*job)) {
      take_answer(*job);
    } else if (reads_itself(*job)) {
      read_answer(*job);
    } else {
      caller.changed.wait(mutex_);
    }
  }
}

void RemoteSession::follow_event(RemoteJob &job) {
  std::optional<Event> event = std::move(job.caller->events.front());
  job.caller->events.pop_front();
  untold_ -= event->bytes;
  changed_.notify_all();
  const Unlocked unlocked(mutex_);
  const CallbackScope scope(this);
  tell(job, *event);
  event.reset();  // without the lock
}

bool RemoteSession::reads_itself(const RemoteJob &job) const {
  return by_itself_ == job.id && job.delivered && !job.caller->answer && worker_ != nullptr;
}

// Not before what was said of the item by the other channel.
bool RemoteSession::is_answered(const RemoteJob &job) const {
  const std::optional<Answer> &answer = job.caller->answer;
  return answer && handled_ >= answer->behind;
}

// Waits until it has come, or something else has: whoever posts an event of the item rings.
void RemoteSession::read_answer(RemoteJob &job) {
  const WorkerPtr worker = worker_;
  job.caller->reads = worker.get();
  std::optional<Answer> answer;
  std::optional<Error> broken;
  bool came = false;
  {
    const Unlocked unlocked(mutex_);
    came = worker->answers();
    try {
      if (came) answer = worker->answer_of(job.id);
    } catch (Error &e) { broken = std::move(e); } catch (const std::exception &) {
      broken = out_of_memory();
    }
  }
  job.caller->reads = nullptr;
  if (!came || worker_ != worker || !job.delivered)
    return;  // what a worker said that was buried meanwhile is not heard
  if (answer) {
    job.caller->answer = std::move(answer);
    handling_wanted_ = true;
    return;
  }
  job.delivered = false;  // nothing is to be read any more
  if (!broken_) broken_ = std::move(broken);
  worker->kill();  // the keeper buries it
}

void RemoteSession::take_answer(RemoteJob &job) {
  Result result = std::move(job.caller->answer->result);
  job.caller->answer.reset();
  handling_wanted_ = false;
  last_result_ = Clock::now();
  deaths_ = 0;
  finish(job.id, std::move(result));
}

// After each frame of the worker.
void RemoteSession::note_handled(uint64_t frames) {
  handled_ = frames;
  if (!handling_wanted_) return;
  const ExclusiveLock lock(mutex_);
  const auto at = jobs_.find(by_itself_);
  if (at != jobs_.end() && at->second->caller != nullptr) at->second->caller->changed.notify_all();
}

}  // namespace mrun
