// An item by itself: a host's run() with nothing else to do, and what must run again because its state was over its memory
// while others lived in it.
#include <algorithm>

#include "exec/engine/engine.h"
#include "exec/joined.h"

namespace mrun {
namespace {

Result failed(Failure failure) {
  Result result;
  result.error = std::move(failure);
  return result;
}

// The item's scripts run anew: with the same random numbers, and without the lines that its log has already.
void begin_again(ItemContext &item) noexcept {
  item.draws.store(0);
  const uint32_t told = item.log_lines.exchange(0);
  if (!item.log || told == 0) return;
  try {
    const auto left = std::make_shared<std::atomic<int64_t>>(told);
    std::function<void(int, const std::string &)> rest = [left, log = item.log](int level, const std::string &text) {
      if (left->fetch_sub(1) <= 0) log(level, text);
    };
    item.log = std::move(rest);
  } catch (const std::bad_alloc &) {}  // its log has them twice
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
  for (Passage::Step step; (step = step_traced(seat, passage, job, Clock::now())) != Passage::Step::done;) {
    if (step == Passage::Step::preempted) continue;
    const JoinedCall call{&passage.call(), job.item.get()};
    const auto begin = Clock::now();
    passage.begin_share(1, begin);
    JoinedRun run = run_joined(passage.model(), {&call, 1});
    passage.end_share(1, Clock::now(), 0);
    statistics_.add_batch(1, {});
    usage_.add_batch(1, run);
    trace_.batch(seat.number, passage.model(), {&call, 1}, begin, passage.ended());
    passage.give(std::move(run.outcomes.front()));
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
    } catch (Error &e) {  // no state could be made
      if (e.stage.empty()) e.stage = "engine";
      return failed(std::move(e));
    } catch (const std::exception &) { return failed(Failure::of_memory()); }
    if (!seat.state->over_memory()) return result;
    // Nobody else has filled it: then what the item says is its own.
    const bool fresh = seat.items == 1;
    seat.state.reset();
    if (fresh || job.item->stop.load() != MRUN_OK) return result;
    begin_again(*job.item);
  }
}

// The seat's state was over its memory while several items lived in it: none of them can be trusted to have felt only its
// own. They run again one by one, once all are back: those that wait are taken out of their groups, those in a batch come
// back by themselves.
void Engine::give_up(Seat &seat) {
  seat.giving_up = true;
  for (const auto &[id, answer] : delivery_.unanswered()) {
    Job *const job = answer.item.get();
    if (job->seat == seat.number && rounds_.withdraw(job)) seat.collected.push_back(job);
  }
  seat.collected.append(std::exchange(seat.ready, {}));
}

void Engine::run_again(Seat &seat) {
  JobList jobs;
  while (Job *job = seat.collected.pop_front()) {
    jobs.insert(job, [job](const Job &other) { return other.seq >= job->seq; });
  }
  {
    const Outside outside(*this);
    for (Job *job = jobs.front(); job != nullptr; job = job->next) {
      job->emits = job->passage == nullptr ? 0 : job->passage->emits();
      job->passage.reset();
    }
    seat.state.reset();
  }
  while (Job *job = jobs.pop_front()) {
    Result result;
    {
      const Outside outside(*this);
      begin_again(*job->item);
      result = run_alone(seat, *job, job->emits);
      job->let_go();
    }
    end_job(seat, *job, std::move(result));
    end_telling(seat);  // the next may take as long as an item may
  }
  seat.giving_up = false;
}

}  // namespace mrun
