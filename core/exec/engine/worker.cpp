// What a worker does with its seat: slices of its own jobs first, then batches that are ready, then new items. What was
// begun comes first, as each item that is alive holds memory; and a slice costs less than a batch, after which more calls
// wait to be joined.
#include <algorithm>

#include "exec/engine/callback_scope.h"
#include "exec/engine/engine.h"
#include "exec/joined.h"

namespace mrun {
namespace {

// A turn is several slices, so that the lock is taken once for many short ones; it is short, so that calls which wait for
// companions learn of each other soon.
constexpr size_t most_slices = 32;
constexpr auto longest_turn = std::chrono::microseconds(500);
constexpr auto longest_hold = std::chrono::milliseconds(2);  // of answers that were told, from whoever gathers them
// So many turns of slices in a row, each so short, let those behind them be expected to be short, too.
constexpr size_t turns_of_trust = 4;
constexpr auto longest_trusted = std::chrono::milliseconds(10);

// run_joined throws where there is no memory left to say what failed; the items must be answered all the same.
JoinedRun run_safely(Model &model, std::span<const JoinedCall> calls) {
  try {
    return run_joined(model, calls);
  } catch (const std::exception &) {
    return {};  // no outcomes
  }
}

// Short enough to want no memory itself.
Outcome out_of_memory() noexcept { return {{}, Error(MRUN_MEMORY, "out of memory")}; }

}  // namespace

// libgomp makes a team of threads for each thread that runs a parallel operator: with more than one operator thread only
// so many workers run batches as keeps the cores busy.
bool Engine::may_run_batches(const Seat &seat) const { return static_cast<size_t>(seat.number) < runners_; }

// The seat may be busy with a caller's run() (run_directly): then this worker sleeps until it is let go.
void Engine::work(Seat &seat) {
  const CallbackScope scope(this);
  const ExclusiveLock lock(mutex_);
  seat.begun = Clock::now();
  while ((!seat.busy && turn(seat)) || idle(seat)) {}
}

// One turn. False: there is nothing to do.
bool Engine::turn(Seat &seat) {
  rounds_.tick(Clock::now());
  take_back();
  seat.busy = true;
  bool any = true;
  if (seat.giving_up && seat.collected.size() == seat.jobs) {
    end_telling(seat);  // as before a batch: both may take long
    run_again(seat);
  } else if (!seat.ready.empty()) {
    run_slices(seat);
  } else if (may_run_batches(seat) && rounds_.batches() > 0) {
    const JoinedBatch batch = *rounds_.take_batch();
    end_telling(seat);
    run_batch(seat, batch);
  } else if (takes_items(seat) && rounds_.admitted() > 0) {
    take_items(seat);
  } else {
    any = false;
  }
  if (any && !may_tell_later(seat)) end_telling(seat);
  seat.busy = false;
  if (!any) {
    // It may have been woken for a batch that another has taken, who was woken for an item.
    if (!takes_items(seat)) wake_workers();
    return false;
  }
  if (delivery_.all_told()) changed_.notify_all();  // who waits for a seat wants the engine idle, too
  room_.tell();
  wake_workers();
  return true;
}

// Waits for something to do, or for the moment at which a joined call has waited long enough. No condition is looked at
// again here: who is woken for nothing takes a turn that finds nothing. False: the engine has stopped and nothing is left.
bool Engine::idle(Seat &seat) {
  if (seat.told) {
    end_telling(seat);
    return true;  // something may have come meanwhile
  }
  if (stopping_ && delivery_.unanswered().empty()) return false;
  seat.sleeping = true;
  seat.slept_since = Clock::now();
  if (const auto next = rounds_.next_delay()) {
    seat.wake.wait_until(mutex_, *next);
  } else {
    seat.wake.wait(mutex_);
  }
  seat.sleeping = false;
  seat.slept += Clock::now() - seat.slept_since;
  return true;
}

// Wakes sleeping workers that have something to do now, and no more of them than there is: each counts what it will take,
// since one that finds nothing has cost two switches of threads.
void Engine::wake_workers() {
  take_back();
  size_t shared = rounds_.admitted(), batches = rounds_.batches();
  for (const auto &seat : seats_) {
    if (!seat->sleeping || seat->busy) continue;
    const bool own = !seat->ready.empty() || (seat->giving_up && seat->collected.size() == seat->jobs);
    const bool batch = !own && batches > 0 && may_run_batches(*seat);
    if (batch) --batches;
    const bool item = !own && !batch && shared > 0 && takes_items(*seat);
    if (item) --shared;
    if (!own && !batch && !item && !(stopping_ && delivery_.unanswered().empty())) continue;
    // Here and not when it comes: until it has the lock, others would count on it once more.
    seat->sleeping = false;
    seat->wake.notify_one();
  }
}

// What Rounds let go of without a batch runs again.
void Engine::take_back() {
  JobList back = rounds_.take_back();
  while (Job *job = back.pop_front()) make_ready(job);
}

void Engine::make_ready(Job *job) {
  Seat &seat = *seats_[static_cast<size_t>(job->seat)];
  if (seat.giving_up) {
    seat.collected.push_back(job);
  } else {
    seat.ready.push_back(job);
  }
}

// New items: this worker's share of what was admitted, no more, as a job stays with the seat that begins it.
void Engine::take_items(Seat &seat) {
  const size_t share = (rounds_.admitted() + seats_.size() - 1) / seats_.size();
  for (size_t i = 0; i < std::min(share, most_slices); ++i) {
    Job *job = rounds_.take_admitted();
    job->seat = seat.number;
    job->begun = Clock::now();
    ++seat.jobs;
    seat.ready.push_back(job);
  }
  run_slices(seat);
}

Passage::Step Engine::step_traced(Seat &seat, Passage &passage, const Job &job, Clock::time_point now) {
  const char *const stage = passage.stage();
  const Passage::Step step = passage.step(now);
  trace_.slice(seat.number, stage, passage.stage(), job.work.number, now, passage.ended());
  return step;
}

// Begins a job; false: it has failed before it could.
bool Engine::begin(Seat &seat, Job &job) {
  try {
    if (job.item->stop.load() != MRUN_OK) fail(MRUN_CANCELLED, "the item was cancelled before it ran");
    if (seat.state == nullptr) {
      seat.state = make_state(*loaded_);
      seat.items = 0;
    }
    ++seat.items;
    job.passage = std::make_unique<Passage>(*loaded_, *seat.state, job.work, job.item, 0, job.last_moment());
    return true;
  } catch (Error &e) {
    if (e.stage.empty()) e.stage = "engine";
    job.failure = std::move(e);
  } catch (const std::exception &) { job.failure = Failure::of_memory(); }
  return false;
}

Passage::Step Engine::step_job(Seat &seat, Job &job, Clock::time_point now) {
  if (job.passage == nullptr) {
    if (!begin(seat, job)) return Passage::Step::done;
    now = Clock::now();
  }
  // What an ended item waited for does not matter any more.
  const int code = job.item->stop.load();
  if (code != MRUN_OK && job.passage->waits()) job.passage->give({{}, Error(static_cast<mrun_code>(code), "")});
  return step_traced(seat, *job.passage, job, now);
}

// A slice of each, in order, as long as the turn may last and the state is within its memory. `over`: it is not. Returns
// those that had theirs; the others stay in `jobs`.
JobList Engine::step_jobs(Seat &seat, JobList &jobs, bool &over) {
  auto now = Clock::now();
  const auto end = now + longest_turn;
  JobList stepped;
  while (!jobs.empty() && !over && now < end) {
    Job *job = jobs.pop_front();
    job->step = step_job(seat, *job, now);
    // One slice begins where the one before ended; letting go of what a whole item held may take its time.
    now = job->step == Passage::Step::done ? Clock::now() : job->passage->ended();
    stepped.push_back(job);
    over = seat.state != nullptr && seat.state->over_memory();
  }
  return stepped;
}

// Slices of the seat's ready jobs, without the lock; then what came of them, with it.
void Engine::run_slices(Seat &seat) {
  JobList jobs;
  while (!seat.ready.empty() && jobs.size() < most_slices) jobs.push_back(seat.ready.pop_front());
  JobList stepped;
  bool over = false;
  const auto begun = Clock::now();
  {
    const Outside outside(*this);
    stepped = step_jobs(seat, jobs, over);
  }
  seat.short_turns = Clock::now() - begun < longest_trusted ? seat.short_turns + 1 : 0;
  jobs.append(std::exchange(seat.ready, {}));
  seat.ready = std::move(jobs);
  if (over && seat.items > 1) {
    seat.collected = std::move(stepped);  // what they gave cannot be trusted either
    give_up(seat);
    return;
  }
  seat.closing = over;
  const auto now = Clock::now();
  while (Job *job = stepped.pop_front()) post(seat, *job, now);
  if (seat.closing && seat.jobs == 0) renew_state(seat);
}

void Engine::renew_state(Seat &seat) {
  {
    const Outside outside(*this);
    seat.state.reset();
  }
  seat.closing = false;
}

// Tells what came of a slice. A job that was cancelled during it, when no group held it, is taken back at once: nobody else
// would look at its flag again while it waits.
void Engine::post(Seat &seat, Job &job, Clock::time_point now) {
  if (job.step == Passage::Step::preempted) {
    seat.ready.push_back(&job);
  } else if (job.step == Passage::Step::waiting) {
    rounds_.waits(&job, now);
    if (job.item->stop.load() != MRUN_OK && rounds_.withdraw(&job)) make_ready(&job);
  } else {
    Result result;
    {
      const Outside outside(*this);
      if (job.passage != nullptr) {
        result = std::move(job.passage->result());
      } else {
        result.error = std::move(job.failure);
      }
      job.let_go();
    }
    end_job(seat, job, std::move(result));
  }
}

// The job is answered, and gone. The lock is let go while callbacks run.
void Engine::end_job(Seat &seat, Job &job, Result result) {
  --seat.jobs;
  result.timings.queue = seconds_between(job.submitted, job.begun);
  rounds_.finished(&job);
  // Before `done`: a host that asks for statistics in its last callback finds every item in them.
  statistics_.add(result.timings, result.error.code());
  usage_.add(result.timings);
  delivery_.answer(mutex_, job.id, std::move(result));
  if (!std::exchange(seat.told, true)) seat.told_since = Clock::now();
}

// Offline nobody waits for an answer by itself: where slices are short, what the next ones answer goes with it. Where one has
// called what takes long, the next may, too, and nobody else would tell of the answer meanwhile.
bool Engine::may_tell_later(const Seat &seat) const {
  return loaded_->options.offline && seat.short_turns >= turns_of_trust &&
         Clock::now() - seat.told_since < longest_hold;
}

void Engine::end_telling(Seat &seat) {
  if (!std::exchange(seat.told, false) || !loaded_->options.told) return;
  const Outside outside(*this);
  loaded_->options.told();
}

// Runs a joined call and gives each item its own.
void Engine::answer_batch(Seat &seat, const JoinedBatch &batch) {
  const auto now = Clock::now();
  const int sharers = static_cast<int>(batch.jobs.size());
  std::vector<JoinedCall> calls;
  try {
    calls.reserve(batch.jobs.size());
  } catch (const std::bad_alloc &) {
    for (Job *job : batch.jobs) job->passage->give(out_of_memory());
    return;
  }
  for (Job *job : batch.jobs) {
    job->passage->begin_share(sharers, now);
    calls.push_back({&job->passage->call(), job->item.get()});
  }
  // Calls of one key are of one model. Of one that keeps state, of which each item has a copy, none is joined.
  Model &model = batch.jobs.front()->passage->model();
  JoinedRun run = run_safely(model, calls);
  statistics_.add_batch(calls.size(), std::move(run.failure));
  usage_.add_batch(calls.size(), run);
  const auto end = Clock::now();
  trace_.batch(seat.number, model, calls, now, end);
  for (size_t i = 0; i < batch.jobs.size(); ++i) {
    Passage &passage = *batch.jobs[i]->passage;
    passage.end_share(sharers, end, seconds_between(batch.jobs[i]->waiting_since, now));
    passage.give(i < run.outcomes.size() ? std::move(run.outcomes[i]) : out_of_memory());
  }
}

void Engine::run_batch(Seat &seat, const JoinedBatch &batch) {
  {
    const Outside outside(*this);
    answer_batch(seat, batch);
  }
  rounds_.returned(batch);
  for (Job *job : batch.jobs) make_ready(job);
}

}  // namespace mrun
