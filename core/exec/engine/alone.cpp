// An item by itself: a host's run() with nothing else to do, and what must run again because its state was over its memory
// while others lived in it.
#include "exec/engine/engine.h"
#include "exec/joined.h"

namespace mrun {
namespace {

Result failed(Error e) {
  Result result;
  if (e.stage.empty()) e.stage = "engine";
  result.error = std::move(e);
  return result;
}

}  // namespace

// One passage from beginning to end, its calls unjoined. emits: partial answers sent so far, not to be sent again.
Result Engine::pass_alone(Seat &seat, Job &job, int64_t &emits) {
  if (seat.state == nullptr) {
    seat.state = make_state(*loaded_);
    seat.items = 0;
  }
  ++seat.items;
  Passage passage(*loaded_, *seat.state, job.work, job.item, emits, job.last_moment());
  for (Passage::Step step; (step = step_traced(seat, passage, job)) != Passage::Step::done;) {
    if (step == Passage::Step::preempted) continue;
    const JoinedCall call{&passage.call(), job.item.get()};
    const auto begin = trace_.now();
    passage.begin_share(1);
    Outcome outcome = std::move(run_joined(passage.model(), {&call, 1}).outcomes.front());
    passage.end_share(1, 0);
    trace_.batch(seat.number, passage.model(), {&call, 1}, begin);
    passage.give(std::move(outcome));
  }
  emits = std::max(emits, passage.emits());  // a later try may fail earlier
  return std::move(passage.result());
}

// As pass_alone, and never throws; an item that felt in the state's memory what others left there runs again in a fresh one.
Result Engine::run_alone(Seat &seat, Job &job, int64_t emits) {
  for (;;) {
    Result result;
    try {
      result = pass_alone(seat, job, emits);
    } catch (const Error &e) {  // no state could be made
      return failed(e);
    } catch (const std::exception &e) {  // no memory, no thread
      return failed(Error(MRUN_MEMORY, e.what()));
    }
    if (!seat.state->over_memory()) return result;
    const bool fresh = seat.items == 1;
    seat.state.reset();
    if (fresh || job.item->stop.load() != MRUN_OK) return result;
    job.item->draws.store(0);  // the same random numbers as in the first try
  }
}

// The seat's state was over its memory while several items lived in it: none of them can be trusted to have felt only its
// own. They run again one by one, once all are back: those that wait are taken out of their groups, those in a batch come
// back by themselves.
void Engine::give_up(Seat &seat) {
  seat.giving_up = true;
  for (const auto &[id, job] : jobs_) {
    if (job->seat == seat.number && rounds_.withdraw(job.get())) seat.collected.push_back(job.get());
  }
  seat.collected.insert(seat.collected.end(), seat.ready.begin(), seat.ready.end());
  seat.ready.clear();
}

void Engine::run_again(Seat &seat) {
  std::vector<Job *> jobs = std::exchange(seat.collected, {});
  std::sort(jobs.begin(), jobs.end(), [](const Job *a, const Job *b) { return a->seq < b->seq; });
  std::vector<int64_t> emits;
  {
    const Unlocked unlocked(mutex_);
    for (Job *job : jobs) {
      emits.push_back(job->passage == nullptr ? 0 : job->passage->emits());
      job->passage.reset();
    }
    seat.state.reset();
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    Result result;
    {
      const Unlocked unlocked(mutex_);
      jobs[i]->item->draws.store(0);
      result = run_alone(seat, *jobs[i], emits[i]);
      jobs[i]->let_go();
    }
    end_job(seat, *jobs[i], std::move(result));
  }
  seat.giving_up = false;
}

}  // namespace mrun
