#include "exec/engine/rounds.h"

#include <algorithm>

namespace mrun {
namespace {

constexpr size_t offline_lanes = 2;  // one runs scripts while the other's batch is out
constexpr int oldest_age = 8;        // rounds that a group waits for companions
constexpr size_t least_room = 64;    // so that a reader is not woken for every few items

// Jobs that do not join anyone have groups of their own.
std::string own_key(const Job &job) { return "alone " + std::to_string(job.seq); }

bool earlier(const Job *a, const Job *b) { return a->seq < b->seq; }

// Short enough to want no memory itself.
void give_memory_error(const Job &job) noexcept { job.passage->give({{}, Error(MRUN_MEMORY, "out of memory")}); }

}  // namespace

Rounds::Rounds(RoundsOptions options, ConfigOf config) : options_(options), config_(std::move(config)) {
  lanes_.resize(options_.offline ? offline_lanes : 1);
  for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i].number = i;
}

void Rounds::add(Job *job) {
  Lane &lane = lanes_[job->seq % lanes_.size()];
  lane.unfinished.insert(job->seq);
  lane.last = job->seq;
  job->lane = lane.number;
  job->where = Job::Where::backlog;
  lane.backlog.push_back(job);
  ++backlog_;
  advance(lane, job->submitted);
}

void Rounds::end_of_input(bool ended) {
  ended_ = ended;
  for (Lane &lane : lanes_) advance(lane, Clock::time_point{});
}

void Rounds::waits(Job *job, Clock::time_point now) {
  Lane &lane = lanes_[job->lane];
  job->where = Job::Where::waiting;
  job->waiting_since = now;
  --lane.running;
  join_group(lane, job);
  advance(lane, now);
}

void Rounds::join_group(Lane &lane, Job *job) {
  GroupAt group = lane.groups.end();
  try {
    const PendingCall &call = job->passage->call();
    group = (call.alone ? lane.groups.try_emplace(own_key(*job)) : lane.groups.try_emplace(call.key)).first;
    auto &calls = group->second.calls;
    calls.insert(std::upper_bound(calls.begin(), calls.end(), job, earlier), job);
    group->second.rows += call.rows;
    job->group = &group->first;
  } catch (const std::bad_alloc &) {
    if (group != lane.groups.end() && group->second.calls.empty()) lane.groups.erase(group);
    give_memory_error(*job);
    send_back(lane, job);
  }
}

// Without the time: what is overdue leaves at the next tick.
void Rounds::finished(Job *job) {
  Lane &lane = lanes_[job->lane];
  lane.unfinished.erase(job->seq);
  --lane.alive;
  --lane.running;
  advance(lane, Clock::time_point{});
}

// The lane does not move: those that come back run first.
void Rounds::returned(const JoinedBatch &batch) {
  Lane &lane = lanes_[batch.lane];
  for (Job *job : batch.jobs) job->where = Job::Where::running;
  lane.running += batch.jobs.size();
  --lane.inflight;
}

size_t Rounds::room() const { return std::max(options_.live * lanes_.size(), least_room); }

bool Rounds::starved() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane &lane) { return lane.backlog.empty(); });
}

void Rounds::tick(Clock::time_point now) {
  for (Lane &lane : lanes_) {
    // Offline advance() does it, between the lane's rounds.
    if (!options_.offline) drop_ended(lane);
    advance(lane, now);
  }
}

bool Rounds::withdraw(Job *job) noexcept {
  if (job->where != Job::Where::waiting) return false;
  Lane &lane = lanes_[job->lane];
  const GroupAt group = lane.groups.find(*job->group);
  std::erase(group->second.calls, job);
  group->second.rows -= job->passage->call().rows;
  if (group->second.calls.empty()) lane.groups.erase(group);
  job->where = Job::Where::running;
  ++lane.running;
  return true;
}

std::optional<JoinedBatch> Rounds::take_batch() {
  if (batches_.empty()) return std::nullopt;
  JoinedBatch batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

std::optional<Clock::time_point> Rounds::next_delay() const {
  std::optional<Clock::time_point> next;
  if (options_.offline || options_.max_delay <= Clock::duration::zero()) return next;
  for (const auto &[key, group] : lanes_[0].groups) {
    for (const Job *job : group.calls) {
      const auto due = job->waiting_since + options_.max_delay;
      if (!next || due < *next) next = due;
    }
  }
  return next;
}

// Whether the list goes on in the block of what is alive.
bool Rounds::expects_more(const Lane &lane) const {
  if (!options_.offline || ended_ || lane.unfinished.empty()) return false;
  return block_of(lane.last + lanes_.size()) == block_of(*lane.unfinished.begin());
}

// Admits what may live; `parked`: the lane waits for an item that has not been read.
bool Rounds::admit(Lane &lane, bool &parked) {
  bool any = false;
  while (lane.alive < options_.live) {
    if (lane.backlog.empty()) {
      parked = expects_more(lane);
      break;
    }
    Job *job = lane.backlog.front();
    if (options_.offline && lane.alive > 0 && block_of(job->seq) != block_of(*lane.unfinished.begin())) break;
    lane.backlog.pop_front();
    --backlog_;
    ++lane.alive;
    ++lane.running;
    job->where = Job::Where::running;
    admitted_.push_back(job);
    any = true;
  }
  return any;
}

void Rounds::send_back(Lane &lane, Job *job) noexcept {
  job->where = Job::Where::running;
  ++lane.running;
  back_.push_back(job);
}

// Calls of items that were ended meanwhile free their places. They go back through `back_`: Rounds does not know the seats
// in which they are ready then.
void Rounds::drop_ended(Lane &lane) {
  for (GroupAt group = lane.groups.begin(); group != lane.groups.end();) {
    auto &calls = group->second.calls;
    for (Job *job : calls) {
      if (job->item->stop.load() == MRUN_OK) continue;
      group->second.rows -= job->passage->call().rows;
      send_back(lane, job);
    }
    std::erase_if(calls, [](const Job *job) { return job->where == Job::Where::running; });
    group = calls.empty() ? lane.groups.erase(group) : std::next(group);
  }
}

void Rounds::advance(Lane &lane, Clock::time_point now) {
  if (options_.offline && (lane.running > 0 || lane.inflight > 0)) return;
  bool parked = false;
  const bool admitted = admit(lane, parked);
  if (!options_.offline) return dispatch_online(lane, now);
  if (admitted || parked) return;
  drop_ended(lane);
  if (!lane.groups.empty()) dispatch_round(lane);
}

// Whether it is worth selecting: most slices end with a call that fills nothing yet.
bool Rounds::may_be_full(const Group &group) const {
  const PendingCall &first = group.calls.front()->passage->call();
  const BatchConfig &config = config_(first);
  return first.alone || config.max_tokens > 0 || group.rows >= config.max_size;
}

Selection Rounds::selection(const Group &group) const {
  std::vector<const PendingCall *> calls;
  calls.reserve(group.calls.size());
  for (const Job *job : group.calls) calls.push_back(&job->passage->call());
  return select(calls, config_(*calls.front()));
}

// All that wants memory comes before the first change: where it throws, nothing has happened.
void Rounds::add_batch(const Lane &lane, const Group &group, const Selection &selection) {
  JoinedBatch batch;
  batch.lane = lane.number;
  batch.jobs.reserve(selection.calls.size());
  for (const size_t i : selection.calls) batch.jobs.push_back(group.calls[i]);
  batches_.push_back(std::move(batch));
}

// Takes a batch out of the group (only_full: if its calls fill one), and tells whether. `group` becomes the one that follows
// where no call is left in it. Where there is no memory for a batch, all its calls fail.
bool Rounds::cut(Lane &lane, GroupAt &group, bool only_full) {
  auto &calls = group->second.calls;
  bool taken = false;
  try {
    const Selection selected = selection(group->second);
    if (only_full && !selected.full) return false;
    add_batch(lane, group->second, selected);
    taken = true;
    ++lane.inflight;
    for (Job *job : batches_.back().jobs) {
      job->where = Job::Where::in_batch;
      group->second.rows -= job->passage->call().rows;
    }
    group->second.age = 0;
  } catch (const std::bad_alloc &) {
    for (Job *job : calls) {
      give_memory_error(*job);
      send_back(lane, job);
    }
  }
  std::erase_if(calls, [](const Job *job) { return job->where != Job::Where::waiting; });
  if (calls.empty()) group = lane.groups.erase(group);
  return taken;
}

size_t Rounds::cut_full(Lane &lane) {
  size_t count = 0;
  for (GroupAt group = lane.groups.begin(); group != lane.groups.end();) {
    const size_t groups = lane.groups.size();
    if (may_be_full(group->second) && cut(lane, group, true)) {
      ++count;
    } else if (groups == lane.groups.size()) {
      ++group;
    }
  }
  return count;
}

void Rounds::dispatch_round(Lane &lane) {
  const size_t full = cut_full(lane);
  if (lane.groups.empty()) return;
  auto largest = lane.groups.begin();
  for (auto group = lane.groups.begin(); group != lane.groups.end(); ++group) {
    const auto &a = group->second.calls, &b = largest->second.calls;
    if (a.size() > b.size() || (a.size() == b.size() && a.front()->seq < b.front()->seq)) largest = group;
  }
  for (GroupAt group = lane.groups.begin(); group != lane.groups.end();) {
    const GroupAt next = std::next(group);
    const bool chosen = full == 0 && group == largest;
    if (chosen) largest = lane.groups.end();  // what is cut is no longer there to be compared
    if (chosen || ++group->second.age >= oldest_age) cut(lane, group, false);
    group = next;
  }
}

// Full batches leave at once. Of the others the one that has waited longest does: without a delay when nothing runs that
// could join it, and a runner is free; with one when it is overdue, or when nothing can come: all that may live wait.
void Rounds::dispatch_online(Lane &lane, Clock::time_point now) {
  cut_full(lane);
  const bool patient = options_.max_delay > Clock::duration::zero();
  while (!lane.groups.empty()) {
    const bool idle = lane.running == 0 && lane.inflight < options_.runners;
    if (!patient && !idle) return;
    const auto oldest = std::min_element(lane.groups.begin(), lane.groups.end(), [](const auto &a, const auto &b) {
      const auto since = [](const auto &group) {
        return (*std::min_element(group.second.calls.begin(), group.second.calls.end(),
                                  [](const Job *x, const Job *y) { return x->waiting_since < y->waiting_since; }))
            ->waiting_since;
      };
      return since(a) < since(b);
    });
    const auto &calls = oldest->second.calls;
    const bool overdue = std::any_of(calls.begin(), calls.end(),
                                     [&](const Job *job) { return now >= job->waiting_since + options_.max_delay; });
    if (patient && !overdue && !(idle && lane.alive >= options_.live)) return;
    GroupAt group = oldest;
    cut(lane, group, false);
  }
}

}  // namespace mrun
