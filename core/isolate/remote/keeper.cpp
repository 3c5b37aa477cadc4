// The keeper: reads what the worker says, ends one that does not answer, and starts the next.
#include <algorithm>

#include "base/text.h"
#include "exec/engine/callback_scope.h"
#include "isolate/remote/failures.h"
#include "isolate/remote/session.h"
#include "value/json.h"
#include "value/size.h"

namespace mrun {
namespace {

constexpr std::chrono::milliseconds glance{20}, rest{200};  // how often the page is looked at, busy or not
constexpr int64_t grace = 500'000'000;              // ns beyond an item's limit, for what polls to end by itself
constexpr double silence = 30;                      // s beyond what all items together may take
constexpr std::chrono::seconds standstill{2};       // of this process, where a glance has taken so long
constexpr size_t patience_with_deaths = 3;          // in a row, while nobody waits
constexpr size_t most_failures = 3;                 // to start one, in a row
constexpr size_t most_log_bytes = size_t{1} << 20;  // in a second
constexpr size_t most_answered = 128;               // results that are told of together
constexpr size_t longest_line = 4000, longest_stage = 20, longest_trace = size_t{64} << 10;

int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

// f(job, what the page says of it) for those whose slice or joined call the worker is in, where `wanted` says so of it. The page is
// the worker's: a number on it that is no job's is passed over.
template <class Jobs, class Wanted, class F>
void for_each_running(const RemoteWorker &worker, const Jobs &jobs, Wanted &&wanted, F &&f) {
  worker.activity().for_each_running([&](const Running &r) {
    if (!wanted(r)) return;
    const auto at = jobs.find(r.tag);
    if (at != jobs.end() && at->second->sent) f(*at->second, r);
  });
}

}  // namespace

RemoteSession::WorkerPtr RemoteSession::start_worker() {
  const auto worker = std::make_shared<RemoteWorker>();
  {
    const ExclusiveLock lock(mutex_);
    if (stopping_) fail(MRUN_CANCELLED, "the engine was stopped");
    starting_ = worker;
  }
  struct Started {
    RemoteSession &session;
    ~Started() {
      const ExclusiveLock lock(session.mutex_);
      session.starting_ = nullptr;
    }
  } const started{*this};
  worker->prepare(prepare_for(*bundle_, options_, *files_));
  Opening opening;
  opening.name = bundle_->origin();
  opening.revision = files_->revision;
  opening.entries = files_->entries;
  opening.options = options_;
  opening.log = static_cast<bool>(options_.log);
  opening.trace = static_cast<bool>(options_.trace);
  worker->open(*files_, opening, [this](Frame &frame) { handle_talk(frame); });
  const ExclusiveLock lock(mutex_);
  locked_ = worker->locked();
  block_ = worker->block();
  locked_.levels["mode"] = "process";
  return worker;
}

void RemoteSession::keep() {
  const CallbackScope scope(this);  // log and trace are callbacks
  do {
    WorkerPtr worker;
    {
      const ExclusiveLock lock(mutex_);
      worker = worker_;
    }
    bury(*worker, serve(*worker));
  } while (renew());
}

// Until it ends. Returns why: CRASH where it ended by itself.
Error RemoteSession::serve(RemoteWorker &worker) {
  auto looked = Clock::now(), before = looked;
  try {
    for (;;) {
      if (send_next_) send_waiting();
      const bool said = worker.has_said(is_busy() ? glance : rest);
      const auto now = Clock::now();
      if (now - before > standstill) awake_since_ = now;  // wherever in the loop it stood still
      before = now;
      if (!said || now - looked > rest) {
        looked = now;
        if (is_overdue(worker, now)) worker.kill();
      }
      if (!said) worker.channel().try_flush();  // so nothing stays gathered for longer than a glance
      if (!said) continue;
      std::optional<Frame> frame = worker.channel().receive();
      if (!frame) return {MRUN_CRASH, ""};
      const bool answers = frame->kind == Kind::result;
      if (!answers) tell_answered(worker);
      handle(worker, *frame);
      if (answers && answered_.size() < most_answered && worker.channel().has_frame()) continue;
      tell_answered(worker);
      note_handled(worker.channel().received());
    }
  } catch (Error &e) { return std::move(e); } catch (const std::bad_alloc &) {
    return out_of_memory();
  } catch (const std::exception &) { return {MRUN_PROTOCOL, "a bad message"}; }  // a text that wants no memory
}

bool RemoteSession::is_busy() const {
  const ExclusiveLock lock(mutex_);
  return !jobs_.empty();
}

void RemoteSession::handle(RemoteWorker &worker, Frame &frame) {
  try {
    dispatch(worker, frame);
  } catch (const Error &e) {
    if (e.code != MRUN_MEMORY) throw;
    miss(frame);
  } catch (const std::bad_alloc &) { miss(frame); }
}

// There was no memory for what the worker said. Called where that is caught: of what the worker waits for it throws on.
void RemoteSession::miss(const Frame &frame) {
  if (frame.kind == Kind::wants) throw;
  const ExclusiveLock lock(mutex_);
  if (frame.kind == Kind::result) return finish(frame.id, starved());
  if (frame.kind == Kind::counts) {
    counts_ = Value();
    ++counts_said_;
    changed_.notify_all();
  }
  if (frame.kind != Kind::partial && frame.kind != Kind::observed) return;
  const auto at = jobs_.find(frame.id);
  if (at != jobs_.end()) at->second->starved = true;
}

void RemoteSession::dispatch(RemoteWorker &worker, Frame &frame) {
  switch (frame.kind) {
    case Kind::partial:
    case Kind::observed: return handle_item(worker, frame);
    case Kind::result: return read_result(worker, frame);
    case Kind::wants: {
      WireReader in(frame.payload, worker.channel().peer());
      return worker.grant(frame.id, static_cast<size_t>(in.integer()));
    }
    case Kind::counts: {
      WireReader in(frame.payload, worker.channel().peer(), {}, wire_values);
      const ExclusiveLock lock(mutex_);
      counts_ = in.value();
      ++counts_said_;
      return changed_.notify_all();
    }
    case Kind::log:
    case Kind::trace: return handle_talk(frame);
    default:
      fail(MRUN_PROTOCOL, "{} sent a message of kind {} out of turn", worker.channel().peer(),
           static_cast<int>(frame.kind));
  }
}

void RemoteSession::handle_item(RemoteWorker &worker, Frame &frame) {
  const Tensor beside = worker.beside(frame);  // first: it must not be kept where there is no memory for the rest
  WireReader in(frame.payload, worker.channel().peer(), beside, wire_values);
  Event event;
  if (frame.kind == Kind::observed) event.stage = in.text();
  event.value = in.value();
  // Views keep the message, and each value takes more here than there.
  event.bytes = std::max(frame.payload.nbytes() + frame.beside, static_cast<size_t>(bytes_of(event.value.c())));
  in.finish();
  JobPtr job;
  {
    const ExclusiveLock lock(mutex_);
    const auto at = jobs_.find(frame.id);
    if (at == jobs_.end() || !at->second->sent) return;  // cancelled meanwhile
    job = at->second;
  }
  const bool wanted = frame.kind == Kind::partial
                          ? static_cast<bool>(job->work.emit)
                          : job->work.observe && (event.stage == "preprocess" || event.stage == "forward");
  if (!wanted) fail(MRUN_PROTOCOL, "{} told of an item what nobody asked", worker.channel().peer());
  pass_on(job, std::move(event));
}

void RemoteSession::read_result(RemoteWorker &worker, const Frame &frame) {
  const Tensor beside = worker.beside(frame);  // as in handle_item
  answered_.emplace_back(frame.id, decode_result({frame.payload, worker.channel().peer(), beside, wire_values}));
}

void RemoteSession::tell_answered(RemoteWorker &worker) {
  if (!finish_answered()) fail(MRUN_PROTOCOL, "{} answers an item that nobody asked", worker.channel().peer());
}

// What has been read in one go is told of in one: whoever is woken for the first would wait for the lock.
// False: one of them answers what nobody asked.
bool RemoteSession::finish_answered() noexcept {
  if (answered_.empty()) return true;
  bool asked = true, postman_sleeps = false;
  {
    const ExclusiveLock lock(mutex_);
    last_result_ = Clock::now();
    deaths_ = 0;
    postman_sleeps = letters_.empty();
    finishes_many_ = true;
    for (auto &[id, result] : answered_) {
      const auto at = jobs_.find(id);
      const bool was = at != jobs_.end() && at->second->sent;
      if (was) finish(at, std::move(result));
      asked = asked && was;
    }
    finishes_many_ = false;
    postman_sleeps = postman_sleeps && !letters_.empty();
  }
  if (postman_sleeps) letters_came_.notify_one();
  answered_.clear();
  return asked;
}

// What the worker says to the host's own functions.
void RemoteSession::handle_talk(Frame &frame) {
  if (frame.kind == Kind::trace) return handle_trace(frame);
  if (frame.kind == Kind::log) return handle_log(frame);
  fail(MRUN_PROTOCOL, "the worker process spoke out of turn");
}

void RemoteSession::handle_trace(Frame &frame) {
  const std::string json = WireReader(frame.payload, "the worker process").text();
  if (json.size() > longest_trace) fail(MRUN_PROTOCOL, "the worker process: a trace event of {} bytes", json.size());
  parse_json(json, {.name = "the worker's trace event", .code = MRUN_PROTOCOL});
  if (options_.trace) call_host([&] { options_.trace(json); });
}

// Log lines, so many as a person can want.
void RemoteSession::handle_log(Frame &frame) {
  const auto now = Clock::now();
  if (now - log_since_ > std::chrono::seconds(1)) {
    log_since_ = now;
    log_bytes_ = 0;
  }
  WireReader in(frame.payload, "the worker process");
  log_bytes_ += frame.payload.nbytes();
  const int level = static_cast<int>(std::clamp<int64_t>(in.integer(), 0, 3));
  const std::string stage = in.text(), text = in.text();
  if (log_bytes_ > most_log_bytes || !options_.log) return;
  call_host([&] { options_.log(level, printable(stage, longest_stage), printable(text, longest_line)); });
}

void RemoteSession::call_host(const std::function<void()> &call) {
  struct Calling {
    RemoteSession &session;
    explicit Calling(RemoteSession &s) : session(s) { note(true); }
    ~Calling() { note(false); }
    void note(bool calls) const {
      const ExclusiveLock lock(session.mutex_);
      session.keeper_calls_ = calls;
      if (session.asking_ > 0) session.changed_.notify_all();
    }
  } const calling(*this);
  call();
}

// ---- what does not end

// Whether the worker must be ended for an item that takes too long. looked: when it was asked whether it has said something;
// after a standstill behind that, the next look decides.
bool RemoteSession::is_overdue(RemoteWorker &worker, Clock::time_point looked) {
  const int64_t now = now_ns();
  const ExclusiveLock lock(mutex_);
  bool late = false;
  // To find a job takes longer than to see that it is in time, as nearly all are.
  const auto is_late = [now](const Running &r) { return r.end < now - grace; };
  for_each_running(worker, jobs_, is_late, [&](RemoteJob &job, const Running &) { job.overdue = late = true; });
  if (!late && is_silent(looked)) {
    late = true;
    for (const auto &[id, job] : jobs_) job->overdue = job->sent;
  }
  timed_out_ = timed_out_ || late;
  return timed_out_;
}

// For a worker that lies on its page: all items together cannot take so long. What it said while this process stood still
// (stopped at a terminal, in a debugger) has not been read yet.
// An offline engine's items may wait for the next submit, until its list ends or somebody waits for a place.
bool RemoteSession::is_silent(Clock::time_point now) const {
  if (options_.offline && !ended_ && !expected_) return false;
  const Clock::time_point last = std::max({last_result_, awake_since_, waited_since_});
  if (seconds_between(last, now) <= silence) return false;  // as nearly always
  double together = silence;
  Clock::time_point since = Clock::time_point::max();
  for (const auto &[id, job] : jobs_) {
    const double own = job->work.timeout > 0 ? job->work.timeout : options_.timeout;
    if (own <= 0) return false;
    together += own;
    if (job->sent) since = std::min(since, job->sent_at);
  }
  if (since == Clock::time_point::max()) return false;
  return seconds_between(std::max(since, last), now) > together;
}

// ---- the end of one, and the next

// Marks whose slice or joined call it was in; where nobody's, all that it had. How many. Of one that was ended because of what
// took too long, only that: it may have been answered meanwhile, and what was sent behind it is innocent.
size_t RemoteSession::mark_suspects(const RemoteWorker &worker) {
  size_t marked = 0;
  const auto mark = [&](RemoteJob &job, const char *stage) {
    if (!job.sent || job.suspected != nullptr) return;
    job.suspected = stage;
    ++marked;
  };
  const bool late = timed_out_;
  const auto may_be = [late](const RemoteJob &job) { return !late || job.overdue; };
  const auto all = [](const Running &) { return true; };
  for_each_running(worker, jobs_, all, [&](RemoteJob &job, const Running &r) {
    if (may_be(job)) mark(job, r.stage);
  });
  if (marked > 0) return marked;
  for (const auto &[id, job] : jobs_) {
    if (may_be(*job)) mark(*job, "engine");
  }
  return marked;
}

void RemoteSession::bury(RemoteWorker &worker, Error why) {
  finish_answered();
  worker.kill();
  Error end = end_of(worker);
  const ExclusiveLock lock(mutex_);
  worker_ = nullptr;
  counts_.reset();
  ending_ = false;
  ++deaths_;
  changed_.notify_all();
  if (stopping_) return;
  if (broken_) why = *std::exchange(broken_, std::nullopt);
  if (why.code != MRUN_PROTOCOL && why.code != MRUN_MEMORY) why = std::move(end);
  const bool guilty = mark_suspects(worker) == 1;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    const JobPtr job = (at++)->second;  // which put_back may take out
    put_back(job, guilty, why);
  }
  by_itself_ = 0;
  handling_wanted_ = false;
  timed_out_ = false;
}

// Its worker has ended. guilty: where it is suspected, it is the only one.
void RemoteSession::put_back(const JobPtr &job, bool guilty, const Error &why) {
  const char *const stage = std::exchange(job->suspected, nullptr);
  job->sent = job->delivered = job->overdue = false;
  if (job->caller != nullptr) job->caller->answer.reset();
  job->heard[0] = job->heard[1] = 0;
  if (stage != nullptr && guilty) {
    const double waited = seconds_between(job->submitted, Clock::now());
    finish(job->id, timed_out_ ? too_long(job->work, options_.timeout, waited, stage) : failed(why, stage));
  } else if (job->cancelled) {
    finish(job->id, failed(Error(MRUN_CANCELLED, "cancelled")));
  } else if (stage != nullptr) {
    if (!std::exchange(job->alone, true)) ++alone_;
  }
}

// Starts the next worker. One that cannot be started fails the items that wait; then it is tried again for the next.
// False: the session has stopped.
bool RemoteSession::renew() {
  for (size_t failures = 0;;) {
    {
      const ExclusiveLock lock(mutex_);
      while (!stopping_ && jobs_.empty() && deaths_ >= patience_with_deaths) changed_.wait(mutex_);
      if (stopping_) return false;
    }
    try {
      const WorkerPtr worker = start_worker();
      {
        const ExclusiveLock lock(mutex_);
        if (stopping_) return false;
        worker_ = worker;
        handled_ = worker->channel().received();
      }
      send_waiting();
      return true;
    } catch (const Error &e) {
      const bool again = e.code == MRUN_CRASH && ++failures < most_failures;  // killed, perhaps, from outside
      if (!again) fail_all(e);
      if (!again) failures = 0;
    } catch (const std::exception &) { fail_all(out_of_memory()); }
  }
}

// What is not with the worker yet, in order; or the next of those that run one by one.
void RemoteSession::send_waiting() {
  send_next_ = false;
  for (uint64_t id = 0;;) {
    JobPtr job;
    {
      const ExclusiveLock lock(mutex_);
      auto at = jobs_.upper_bound(id);
      while (at != jobs_.end() && !may_send(*at->second)) ++at;
      if (at == jobs_.end()) break;
      job = at->second;
    }
    id = job->id;
    send(job);
  }
  tell_end();
}

void RemoteSession::fail_all(const Error &error) {
  const ExclusiveLock lock(mutex_);
  deaths_ = patience_with_deaths;
  while (!jobs_.empty()) finish(jobs_.begin()->first, failed(error));
}

}  // namespace mrun
