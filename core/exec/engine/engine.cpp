// What an engine offers as a session, how it starts and how it ends. What its workers do is in worker.cpp.
#include "exec/engine/engine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/thread.h"
#include "exec/engine/callback_scope.h"
#include "plugin/registry.h"

namespace mrun {
namespace {

// Items alive in a lane, in full batches: enough that odd shapes do not keep others from filling one, few enough that their
// scripts' values fit into a state.
constexpr size_t live_batches = 4;
constexpr size_t least_batch = 16;  // by which small ones are counted
// Of what is joined among itself alone, in items alive: large, so that few batches are left unfilled at its end; small, since
// answers wait in memory until those before them are given, and since it is what several processes share out.
constexpr size_t block_of_live = 8;

size_t largest_batch(const Loaded &loaded) {
  int64_t most = 1;
  for (const auto &model : loaded.models) {
    for (size_t i = 0; i < model->methods().size(); ++i) {
      const BatchConfig &config = model->batch(i);
      if (config.mode != BatchConfig::Mode::none) most = std::max(most, config.max_size);
    }
  }
  // A manifest may name any number; what is reckoned with this one must not overflow.
  return static_cast<size_t>(std::min<int64_t>(most, 1 << 16));
}

// How many workers may run batches at once: with t operator threads each of them keeps t cores busy.
size_t count_runners(const Loaded &loaded) {
  const EngineOptions &o = loaded.options;
  if (o.threads <= 1) return static_cast<size_t>(o.workers);
  return static_cast<size_t>(std::clamp(o.cores / o.threads, 1, o.workers));
}

RoundsOptions rounds_options(const Loaded &loaded) {
  const EngineOptions &o = loaded.options;
  const auto queue = static_cast<size_t>(o.queue);
  RoundsOptions rounds;
  rounds.offline = o.offline;
  // Offline what is joined must not depend on how many workers there are, where anything is.
  const bool by_workers = !o.offline || loaded.models.empty();
  const size_t least = by_workers ? static_cast<size_t>(o.workers) : least_batch;
  const size_t live = live_batches * std::max(largest_batch(loaded), least);
  // Offline both lanes must fit into the queue, or the second would wait for places that the first holds.
  rounds.live = std::clamp<size_t>(live, 1, std::max<size_t>(1, o.offline ? queue / 2 : queue));
  // A lane waits for the next item of its oldest one's block. So no block is larger than what is in the queue while who submits
  // sleeps there: with answers in order, places that are not many may be all that become free, and he would wait for the lane.
  rounds.block = std::min(block_of_live * rounds.live, queue + 1 - Room::many_of(queue));
  rounds.max_delay = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(o.max_delay));
  rounds.runners = count_runners(loaded);
  return rounds;
}

}  // namespace

std::vector<std::unique_ptr<Engine::Seat>> Engine::make_seats(int count) {
  std::vector<std::unique_ptr<Seat>> seats;
  for (int i = 0; i < count; ++i) {
    seats.push_back(std::make_unique<Seat>());
    seats.back()->number = i;
  }
  return seats;
}

Engine::Engine(std::shared_ptr<const Bundle> bundle, EngineOptions options)
    : loaded_(load(std::move(bundle), std::move(options))),
      trace_(loaded_->options),
      process_(::getpid()),
      runners_(count_runners(*loaded_)),
      rounds_(rounds_options(*loaded_),
              [this](const PendingCall &call) -> const BatchConfig & {
                return loaded_->models[call.model]->batch(call.method, call.by_rows);
              }),
      seats_(make_seats(loaded_->options.workers)),
      room_(this, loaded_->options.queue, [this]() REQUIRES(mutex_) { return free_places(); }),
      delivery_([this]() REQUIRES(mutex_) { room_.tell(); }, [this]() REQUIRES(mutex_) { changed_.notify_all(); }) {
  trace_.name_rows(seats_.size());
  seats_.front()->state = make_state(*loaded_);
  const ExclusiveLock lock(mutex_);
  threads_.reserve(seats_.size());
}

Engine::~Engine() { end(); }

void Engine::want_usable(const char *what) const {
  want_starter(process_, what);
  if (process_ends()) fail(MRUN_CANCELLED, "{}: the process ends", what);
}

void Engine::want_outside(const char *what) const {
  want_usable(what);
  if (CallbackScope::inside(this)) fail(MRUN_USAGE, "{}: a callback of this engine would wait for itself", what);
}

// ---- one item

// In the caller's thread where the engine has nothing else to do: a hand-off to a worker would take longer than many an
// item.
bool Engine::may_run_directly() const {
  const Seat &seat = *seats_.front();
  return delivery_.pending() == 0 && !seat.busy && seat.jobs == 0 && takes_items(seat);
}

Result Engine::run(const Work &work) {
  want_outside("run");
  {
    const ExclusiveLock lock(mutex_);
    if (loaded_->options.offline) {  // what was submitted comes first
      end_list();
      while (!stopping_ && !may_run_directly()) changed_.wait(mutex_);
      --draining_;
    }
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    if (may_run_directly()) return run_directly(work);
  }
  return run_queued(work);
}

// The job is in no list, and nobody knows an id of it: stop() reaches the item through direct_items_, and waits for them.
Result Engine::run_directly(const Work &work) {
  Seat &seat = *seats_.front();
  const auto job = std::make_unique<Job>();
  job->work = work;
  job->item = make_context(*loaded_, work.number);
  direct_items_.push_back(job->item);
  seat.busy = true;
  Result result;
  try {
    const Outside outside(*this);
    const CallbackScope scope(this);
    job->submitted = job->begun = Clock::now();
    result = run_alone(seat, *job, 0);
    job->let_go();
    statistics_.add(result.timings, result.error.code());
    usage_.add(result.timings);
  } catch (const std::exception &) {  // no memory for what is around the item; its seat must be free again
    result = Result();
    result.error = Failure::of_memory();
  }
  std::erase(direct_items_, job->item);
  seat.busy = false;
  changed_.notify_all();
  wake_workers();
  return result;
}

// `done` runs on a worker's thread; this one waits for it.
Result Engine::run_queued(const Work &work) {
  std::promise<Result> promise;
  std::future<Result> answer = promise.get_future();
  submit(work, -1, [&promise](uint64_t, Result &&result) { promise.set_value(std::move(result)); });
  return answer.get();
}

// ---- many

// Offline a place is free only while the lanes can take the item soon: else a fast reader would hold the whole list here.
Room::Free Engine::free_places() const {
  if (stopping_ || loaded_->options.bounded) return Room::Free::many;
  const Room::Free queue = room_.beside(delivery_.pending());
  if (!loaded_->options.offline) return queue;
  if (rounds_.backlog() >= rounds_.room()) return Room::Free::none;
  const bool soon = rounds_.starved() || rounds_.backlog() <= rounds_.room() / 2;
  return std::min(queue, soon ? Room::Free::many : Room::Free::some);
}

// The first submits make the workers. Without any, the item cannot be answered; one is enough.
void Engine::start_worker() {
  if (threads_.size() == seats_.size()) return;
  Seat &seat = *seats_[threads_.size()];
  try {
    threads_.push_back(start_thread("the engine's worker", [this, &seat] { work(seat); }));
  } catch (const std::exception &) {
    if (threads_.empty()) throw;
  }
}

uint64_t Engine::submit(Work work, double wait, Done done) {
  want_usable("submit");
  auto node = Delivery<Job>::new_node();  // what throws leaves it here: it goes after the lock
  Job &job = *node.mapped().item;
  job.item = make_context(*loaded_, work.number);
  job.work = std::move(work);
  job.done = std::move(done);
  const ExclusiveLock lock(mutex_);
  room_.wait(mutex_, wait);
  if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
  start_worker();
  const uint64_t id = job.id = delivery_.next_number();
  job.seq = id - 1;
  job.submitted = Clock::now();
  // More has come after all. Who drains waits for what is there: lanes must not wait for still more.
  if (draining_ == 0) rounds_.end_of_input(false);
  // The last that may throw: the rest moves nodes and counts.
  rounds_.add(&job);
  delivery_.reserve();
  delivery_.take(std::move(node));
  wake_workers();
  return id;
}

bool Engine::cancel(uint64_t id) {
  want_usable("cancel");
  const ExclusiveLock lock(mutex_);
  const auto at = delivery_.unanswered().find(id);
  if (at == delivery_.unanswered().end()) return false;
  cancel_job(*at->second.item);
  return true;
}

bool Engine::cancel_tagged(uint64_t tag) {
  want_usable("cancel");
  const ExclusiveLock lock(mutex_);
  for (const auto &[id, answer] : delivery_.unanswered()) {
    if (answer.item->work.tag != tag) continue;
    cancel_job(*answer.item);
    return true;
  }
  return false;
}

void Engine::cancel_job(Job &job) {
  // What it is stopped for first stands: it may have run out of time already.
  int running = MRUN_OK;
  job.item->stop.compare_exchange_strong(running, MRUN_CANCELLED);
  if (rounds_.withdraw(&job)) make_ready(&job);
  wake_workers();
}

void Engine::set_ordered(bool yes) {
  want_usable("set_ordered");
  const ExclusiveLock lock(mutex_);
  delivery_.set_ordered(yes);
}

void Engine::end_input() {
  want_usable("end_input");
  const ExclusiveLock lock(mutex_);
  rounds_.end_of_input(true);
  wake_workers();
}

// For a caller who then waits: nothing may wait for what he would submit next.
void Engine::end_list() {
  ++draining_;
  rounds_.end_of_input(true);
  wake_workers();
}

void Engine::drain() {
  want_outside("drain");
  const ExclusiveLock lock(mutex_);
  end_list();
  while (!delivery_.all_told()) changed_.wait(mutex_);
  --draining_;
}

// What an item is stopped for first stands.
void Engine::stop_items() {
  const auto stop = [](ItemContext &item) {
    int running = MRUN_OK;
    item.stop.compare_exchange_strong(running, MRUN_CANCELLED);
  };
  for (const auto &item : direct_items_) stop(*item);
  for (const auto &[id, answer] : delivery_.unanswered()) stop(*answer.item->item);
}

// Every item is told to end: those that wait run again to see it.
void Engine::end_all() {
  stopping_ = true;
  stop_items();
  for (const auto &[id, answer] : delivery_.unanswered()) {
    if (rounds_.withdraw(answer.item.get())) make_ready(answer.item.get());
  }
  rounds_.end_of_input(true);
  changed_.notify_all();
  room_.tell();
  for (const auto &seat : seats_) seat->wake.notify_all();
}

void Engine::stop() {
  if (!is_left()) want_outside("stop");
  end();
}

void Engine::end() {
  if (is_left()) {
    abandon();
    return;
  }
  std::vector<std::thread> threads;
  {
    const ExclusiveLock lock(mutex_);
    end_all();
    while (!direct_items_.empty() || !delivery_.all_told()) changed_.wait(mutex_);
    // When end_all() woke them some items may have been unanswered still, and they slept again (idle).
    for (const auto &seat : seats_) seat->wake.notify_all();
    threads = std::exchange(threads_, {});
  }
  for (std::thread &t : threads) t.join();
}

// In a fork's copy: the threads are not in this process, and the lock is as one of them left it. What the system knew of
// them may be another thread's by now: they are neither joined nor detached, but left as they are. So they are by the thread
// that ends the process, and the lock that stand_still() has.
void Engine::abandon() { new std::vector<std::thread>(std::exchange(threads_, {})); }

bool Engine::is_left() const { return process_ != ::getpid() || ends_process(); }

// Nobody is answered any more: the host's functions may use what is gone already. Who comes back from outside waits for the lock, which
// is never given back.
void Engine::stand_still() {
  mutex_.lock();
  stop_items();
}

// What takes longer goes on, and may meet what is gone.
void Engine::wait_for_those_outside(Clock::time_point until) const {
  const int own = Outside::is_here(*this) ? 1 : 0;
  while (outside_ > own && Clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Value Engine::queue_report() const {
  const auto &jobs = delivery_.unanswered();
  const auto waiting = std::count_if(jobs.begin(), jobs.end(),
                                     [](const auto &entry) { return entry.second.item->where == Job::Where::backlog; });
  const size_t running = jobs.size() - static_cast<size_t>(waiting) + direct_items_.size();
  return report_queue(waiting, static_cast<int64_t>(running), delivery_.held());
}

// {"tensors": bytes that items hold, "peak": the most bytes that this process has had resident}.
Value Engine::memory_report() const {
  int64_t tensors = 0;
  for (const auto &[id, answer] : delivery_.unanswered()) tensors += answer.item->item->budget->used();
  for (const auto &item : direct_items_) tensors += item->budget->used();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return Value::map(
      {{"tensors", Value::integer(tensors)}, {"peak", Value::integer(int64_t{usage.ru_maxrss} * 1024)}});  // from KiB
}

// What the items took, where they are, {"largest", "filling", "counts"} of Usage, "workers": threads, "busy": their part
// of their time.
Value Engine::statistics() const {
  want_usable("statistics");
  std::vector<std::pair<std::string, Value>> all = usage_.report();
  const Value items = statistics_.report();
  for (const Entry &e : items.as_map()) all.emplace_back(std::string(e.key()), e.value());
  const ExclusiveLock lock(mutex_);
  const auto now = Clock::now();
  double lived = 0, slept = 0;
  for (size_t i = 0; i < threads_.size(); ++i) {
    const Seat &seat = *seats_[i];
    if (seat.begun == Clock::time_point{}) continue;  // has not come so far
    lived += seconds_between(seat.begun, now);
    slept += std::chrono::duration<double>(seat.slept).count();
    if (seat.sleeping) slept += seconds_between(seat.slept_since, now);
  }
  all.emplace_back("queue", queue_report());
  all.emplace_back("memory", memory_report());
  all.emplace_back("workers", Value::integer(static_cast<int64_t>(threads_.size())));
  all.emplace_back("busy", Value::number(lived > 0 ? std::max(0.0, 1 - slept / lived) : 0));
  return Value::map(std::move(all));
}

Facts Engine::facts() const {
  want_usable("meta");
  Facts facts;
  facts.bundle = loaded_->bundle;
  facts.options = loaded_->options;
  facts.isolation = {{"mode", "none"}};
  facts.block = largest_batch(*loaded_) > 1 ? rounds_options(*loaded_).block : 1;
  Registry::Versions versions = loaded_->options.registry->versions();
  facts.plugins = std::move(versions.plugins);
  facts.libraries = std::move(versions.libraries);
  return facts;
}

std::unique_ptr<Session> start_session(std::shared_ptr<const Bundle> bundle, EngineOptions options) {
  return std::make_unique<Engine>(std::move(bundle), std::move(options));
}

std::vector<Result> run_together(Session &session, std::vector<Work> works) {
  std::vector<Result> results(works.size());
  for (size_t i = 0; i < works.size(); ++i) {
    session.submit(std::move(works[i]), -1, [&results, i](uint64_t, Result &&r) { results[i] = std::move(r); });
  }
  session.drain();
  return results;
}

}  // namespace mrun
