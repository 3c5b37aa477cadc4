#include "isolate/remote/session.h"

#include <unistd.h>

#include <algorithm>

#include "base/thread.h"
#include "exec/engine/callback_scope.h"
#include "exec/loaded.h"
#include "isolate/remote/failures.h"
#include "isolate/remote/group.h"

namespace mrun {
namespace {

constexpr auto counting = std::chrono::seconds(10);  // how long the worker's counts are waited for

// As it is now: what has passed since it was submitted is gone of its time.
Work as_of_now(const Work &work, Clock::time_point submitted) {
  Work now = work;
  if (work.deadline > 0) now.deadline = std::max(1e-9, work.deadline - seconds_between(submitted, Clock::now()));
  return now;
}

}  // namespace

EngineOptions with_defaults(EngineOptions options, const Bundle &bundle) {
  if (options.registry == nullptr) fail(MRUN_USAGE, "an engine wants a registry of plugins");
  fill_in_defaults(options, bundle.manifest());
  if (options.trace_begin == 0) options.trace_begin = Clock::now().time_since_epoch().count();
  return options;
}

RemoteSession::RemoteSession(std::shared_ptr<const Bundle> bundle, EngineOptions options,
                             std::shared_ptr<const HandedFiles> files)
    : bundle_(std::move(bundle)),
      options_(with_defaults(std::move(options), *bundle_)),
      files_(std::move(files)),
      process_(::getpid()),
      room_(
          this, options_.queue, [this]() REQUIRES(mutex_) { return free_places(); },
          [this]() REQUIRES(mutex_) {
            const Unlocked unlocked(mutex_);
            expect_answers();
          }),
      last_result_(Clock::now()) {
  worker_ = start_worker();
  handled_ = worker_->channel().received();
  keeper_ = start_thread("the worker process's keeper", [this] { keep(); });
}

RemoteSession::~RemoteSession() { end(); }

void RemoteSession::want_usable(const char *what) const { want_starter(process_, what); }

// Everything that wants memory for the item's answer is made here; where that throws, nothing was added.
RemoteSession::JobPtr RemoteSession::add(uint64_t id, Work &&work, Done &&done) {
  auto job = std::make_shared<RemoteJob>();
  job->id = id;
  job->work = std::move(work);
  job->done = std::move(done);
  job->submitted = Clock::now();
  if (!job->done) job->caller = std::make_unique<Caller>();
  jobs_.emplace_hint(jobs_.end(), id, job);  // the last, where no run() is under way
  changed_.notify_all();
  return job;
}

// While items run one by one, the others wait. So do offline items of run() for each other, as in one process.
bool RemoteSession::may_send(const RemoteJob &job) const {
  if (worker_ == nullptr || ending_ || stopping_ || job.sent || job.result) return false;
  if (!job.done && options_.offline && by_itself_ != 0) return false;
  return alone_ == 0 || is_next(job);
}

// Of those that run one by one.
bool RemoteSession::is_next(const RemoteJob &job) const {
  return job.alone && std::all_of(jobs_.begin(), jobs_.find(job.id), [](const auto &at) { return !at.second->alone; });
}

// Offline, what comes next sends it. The one that takes the last place, and one that comes while somebody waits for a place,
// have nobody behind them who would; and the worker must know of one that is to be answered by a moment.
Sending RemoteSession::when_to_send(const RemoteJob &job) const {
  const bool next =
      options_.offline && job.work.deadline <= 0 && !room_.is_waited_for() && free_places() != Room::Free::none;
  return next ? Sending::gathered : Sending::now;
}

// For the worker, where it may go there now. What keeps it from being sent is its answer.
std::optional<RemoteSession::Outgoing> RemoteSession::take_out(const JobPtr &job) {
  if (!may_send(*job)) return {};
  Kind how = Kind::submit;
  if (by_itself_ == 0 && (!job->done || job->alone)) {
    by_itself_ = job->id;
    how = job->done ? Kind::run_submitted : Kind::run;
  }
  job->sent = true;
  job->sent_at = Clock::now();
  try {
    // With the lock: who answers the item meanwhile lets its input go.
    return Outgoing{job, worker_, as_of_now(job->work, job->submitted), how};
  } catch (const std::exception &) {
    finish(job->id, starved());
    return {};
  }
}

void RemoteSession::send(const JobPtr &job) {
  std::optional<Outgoing> out;
  {
    const ExclusiveLock lock(mutex_);
    out = take_out(job);
  }
  if (out) send_out(*out, Sending::now);
}

// Never throws. Whether the input has ended for now, which the worker is to be told behind what is submitted.
bool RemoteSession::send_out(Outgoing &out, Sending when) {
  if (!pass_to_worker(out, when)) return false;
  RemoteJob &job = *out.job;
  bool cancelled = false, wanted = false, ended = false;
  {
    const ExclusiveLock lock(mutex_);
    // The worker may have been buried meanwhile, which put the item back.
    job.delivered = job.sent && out.worker == worker_;
    cancelled = job.delivered && job.cancelled;
    wanted = when == Sending::gathered && when_to_send(job) == Sending::now;
    ended = ended_;
    if (job.caller != nullptr) job.caller->changed.notify_all();  // it may read its answer now
  }
  if (cancelled) say(*out.worker, Kind::cancel, job.id);
  if (wanted) expect_answers();
  return ended;
}

// False: it has not been sent, and that is its answer, or the worker is at its end. The input goes before `done` comes.
bool RemoteSession::pass_to_worker(Outgoing &out, Sending when) {
  Result answer;
  const uint64_t id = out.job->id;
  try {
    out.worker->send(id, out.work, out.how, when);
    out.work = Work();
    return true;
  } catch (const Error &e) {
    if (e.code == MRUN_CRASH || e.code == MRUN_PROTOCOL) {
      out.worker->kill();  // the keeper goes on from there
      return false;
    }
    answer = unsent(out.work.input, e);
  } catch (const std::exception &) { answer = starved(); }
  out.work.input = Value();
  const ExclusiveLock lock(mutex_);
  finish(id, std::move(answer));
  return false;
}

// A word. To one that takes it not the keeper goes on from its end.
void RemoteSession::say(RemoteWorker &worker, Kind kind, uint64_t id) noexcept {
  try {
    worker.channel().send(kind, id, {});
  } catch (const std::exception &) { worker.kill(); }
}

void RemoteSession::expect_answers() noexcept {
  WorkerPtr worker;
  {
    const ExclusiveLock lock(mutex_);
    if (!expected_) waited_since_ = Clock::now();
    expected_ = true;
    worker = worker_;
  }
  if (worker == nullptr) return;
  try {
    worker->channel().flush();
  } catch (const std::exception &) { worker->kill(); }
}

// ---- one item

Result RemoteSession::run(const Work &work) {
  want_usable("run");
  if (CallbackScope::inside(this)) fail(MRUN_USAGE, "run: a callback of this engine would wait for itself: submit");
  if (options_.offline) drain();  // what was submitted comes first
  JobPtr job;
  {
    const ExclusiveLock lock(mutex_);
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    job = add(next_run_++, Work(work), {});
    ++runs_;
  }
  const struct Leaving {
    RemoteSession &session;
    ~Leaving() {
      const ExclusiveLock lock(session.mutex_);
      if (--session.runs_ == 0 && session.stopping_) session.changed_.notify_all();
    }
  } leaving{*this};
  send(job);
  return follow(job);
}

// ---- many

Room::Free RemoteSession::free_places() const { return stopping_ ? Room::Free::many : room_.beside(pending_); }

uint64_t RemoteSession::submit(Work work, double wait, Done done) {
  want_usable("submit");
  uint64_t id = 0;
  std::optional<Outgoing> out;
  Sending when = Sending::now;
  {
    const ExclusiveLock lock(mutex_);
    room_.wait(mutex_, wait);
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    if (!postman_.joinable()) postman_ = start_thread("answers", [this] { carry_letters(); });
    const JobPtr job = add(next_id_, std::move(work), std::move(done));
    // Once nothing can throw: in order, the answers behind a number that nobody has would wait for ever.
    id = next_id_++;
    ++pending_;
    // More has come after all; but who drains waits for what is there.
    ended_ = draining_ > 0;
    expected_ = room_.is_waited_for();
    when = when_to_send(*job);
    out = take_out(job);
  }
  if (out && send_out(*out, when)) tell_end();
  return id;
}

// The worker's engine takes a submit for a sign that more will come.
void RemoteSession::tell_end() {
  WorkerPtr worker;
  {
    const ExclusiveLock lock(mutex_);
    if (ended_) worker = worker_;
  }
  if (worker != nullptr) say(*worker, Kind::end);
}

bool RemoteSession::cancel(uint64_t id) {
  want_usable("cancel");
  WorkerPtr worker;
  {
    const ExclusiveLock lock(mutex_);
    const auto at = jobs_.find(id);
    if (at == jobs_.end()) return false;
    RemoteJob &job = *at->second;
    job.cancelled = true;
    if (!job.sent) {
      finish(id, failed(Error(MRUN_CANCELLED, "the item was cancelled before it ran")));
    } else if (by_itself_ == id) {
      // Nobody in the worker listens while such an item runs. It is suspected of having ended one: this one goes with it.
      ending_ = true;
      finish(id, failed(Error(MRUN_CANCELLED, "cancelled")));
      worker_->kill();
    } else if (job.delivered) {
      worker = worker_;
    }  // else send() tells the worker, behind the item
  }
  if (worker != nullptr) say(*worker, Kind::cancel, id);
  return true;
}

void RemoteSession::set_ordered(bool yes) {
  want_usable("set_ordered");
  const ExclusiveLock lock(mutex_);
  if (next_id_ > 1) fail(MRUN_USAGE, "the order of answers must be chosen before the first submit");
  ordered_ = yes;
}

void RemoteSession::end_input() {
  want_usable("end_input");
  {
    const ExclusiveLock lock(mutex_);
    if (!ended_) waited_since_ = Clock::now();
    ended_ = true;
  }
  tell_end();
}

void RemoteSession::drain() {
  want_usable("drain");
  if (CallbackScope::inside(this)) fail(MRUN_USAGE, "drain: a callback of this engine would wait for itself");
  {
    const ExclusiveLock lock(mutex_);
    ++draining_;
  }
  end_input();
  const ExclusiveLock lock(mutex_);
  while (pending_ > 0 || callbacks_ > 0) changed_.wait(mutex_);
  --draining_;
}

// The worker is ended, whatever it does: nobody waits for a native call.
void RemoteSession::stop() {
  if (process_ == ::getpid() && CallbackScope::inside(this))
    fail(MRUN_USAGE, "stop: a callback of this engine would wait for itself");
  end();
}

void RemoteSession::end() {
  if (process_ != ::getpid()) {
    abandon();
    return;
  }
  {
    const ExclusiveLock lock(mutex_);
    stopping_ = true;
    while (!jobs_.empty()) finish(jobs_.begin()->first, failed(Error(MRUN_CANCELLED, "cancelled")));
    for (const WorkerPtr &w : {worker_, starting_}) {
      if (w != nullptr) w->kill();
    }
    changed_.notify_all();
    letters_came_.notify_all();
    room_.tell();
    while (pending_ > 0 || callbacks_ > 0 || runs_ > 0) changed_.wait(mutex_);
  }
  const ExclusiveLock one(joining_);
  for (std::thread *t : {&keeper_, &postman_}) {
    if (t->joinable()) t->join();
  }
}

// In a fork's copy: the worker is the parent's, and the threads are not in this process. What the system knew of them may
// be another thread's by now: they are neither joined nor detached, but left as they are.
void RemoteSession::abandon() {
  for (const WorkerPtr &w : {worker_, starting_}) {
    if (w != nullptr) w->forget();
  }
  for (std::thread *t : {&keeper_, &postman_}) new std::thread(std::move(*t));
}

// ---- what is known

// As the engine's, of all that was submitted here; what runs the worker has said.
Value RemoteSession::queue_report(const Value *of_worker) const {
  const Value *counted = of_worker == nullptr ? nullptr : of_worker->find("running");
  const auto unanswered = static_cast<int64_t>(jobs_.size());
  const int64_t running =
      counted == nullptr || counted->kind() != MRUN_INT ? 0 : std::clamp(counted->as_int(), int64_t{0}, unanswered);
  return report_queue(unanswered - running, running, ready_.size());
}

// Until they come. In a callback not where the keeper waits for one, too: it might be for this one.
void RemoteSession::ask_for_counts() const {
  const WorkerPtr worker = worker_;
  if (worker == nullptr) return;
  const uint64_t said = counts_said_;
  const bool called = CallbackScope::inside_any();
  ++asking_;
  {
    const Unlocked unlocked(mutex_);
    say(*worker, Kind::statistics);
  }
  const auto end = Clock::now() + counting;
  while (counts_said_ == said && worker_ == worker && !(called && (keeper_waits_ || keeper_calls_)) &&
         Clock::now() < end) {
    changed_.wait_until(mutex_, end);
  }
  --asking_;
}

Value RemoteSession::statistics() const {
  want_usable("statistics");
  const ExclusiveLock lock(mutex_);
  ask_for_counts();
  std::vector<std::pair<std::string, Value>> entries;
  const Value report = statistics_.report(), counts = counts_.value_or(Value());
  for (const Entry &e : report.as_map()) {
    const bool of_worker = e.key() == "batches" || e.key() == "calls" || e.key() == "joined_failure";
    const Value *counted = of_worker ? counts.find(e.key()) : nullptr;
    entries.emplace_back(e.key(), counted != nullptr ? *counted : e.value());
  }
  for (const char *key : {"largest", "filling", "counts", "memory", "workers", "busy"}) {
    if (const Value *counted = counts.find(key)) entries.emplace_back(key, *counted);
  }
  entries.emplace_back("queue", queue_report(counts.find("queue")));
  return Value::map(std::move(entries));
}

Facts RemoteSession::facts() const {
  want_usable("meta");
  const ExclusiveLock lock(mutex_);
  Facts facts;
  facts.bundle = bundle_;
  facts.options = options_;
  facts.plugins = locked_.plugins;
  facts.libraries = locked_.libraries;
  facts.isolation = locked_.levels;
  facts.block = block_;
  return facts;
}

std::unique_ptr<Session> start_isolated_session(std::shared_ptr<const Bundle> bundle, EngineOptions options) {
  const auto files = std::make_shared<const HandedFiles>(hand_over(*bundle));
  const bool one = options.processes <= 1 || options.one_shot;  // an item by itself uses one
  if (one) return std::make_unique<RemoteSession>(std::move(bundle), std::move(options), files);
  return std::make_unique<RemoteGroup>(bundle, std::move(options), files);
}

std::map<std::string, std::string> isolation_levels(const Bundle &bundle, EngineOptions options) {
  options = with_defaults(std::move(options), bundle);
  RemoteWorker worker;
  worker.prepare(prepare_for(bundle, options, hand_over(bundle)));
  std::map<std::string, std::string> levels = worker.locked().levels;
  levels["mode"] = "process";
  return levels;
}

}  // namespace mrun
