// From a result to its callback. Order comes from a map that holds at most as many answers as the queue has places.
#include "exec/engine/engine.h"

namespace mrun {

// The job is answered: takes it off the rounds (where it was admitted) and hands it to delivery. The lock is let go while
// callbacks run.
void Engine::finish(Job &job, Result result) {
  // Before `done`: a host that asks for statistics in its last callback finds every item in them.
  statistics_.add(result.timings, result.error.code);
  usage_.add(result.timings);
  auto node = jobs_.extract(job.id);
  node.mapped().result = std::move(result);
  ready_.insert(std::move(node));
  deliver();
}

// Calls `done` for what may be delivered. In order, one thread delivers at a time and takes over what others add
// meanwhile. A callback's own place in the queue is free while it runs.
void Engine::deliver() {
  if (ordered_ && delivering_) return;
  delivering_ = true;
  while (!ready_.empty() && (!ordered_ || ready_.begin()->first == next_delivery_)) {
    auto node = ready_.extract(ready_.begin());
    ++next_delivery_;
    --pending_;
    ++callbacks_;
    tell_of_room();
    {
      const Unlocked unlocked(mutex_);
      // It goes before the lock is taken again: its tensors' deleters are the host's.
      Answer answer = std::move(node.mapped());
      try {
        answer.job->done(answer.job->id, std::move(answer.result));
      } catch (...) {
        // A host's callback must not throw (mrun.h, 3); what it threw has nowhere to go.
      }
    }
    --callbacks_;
    if (all_answered()) changed_.notify_all();
  }
  delivering_ = false;
}

}  // namespace mrun
