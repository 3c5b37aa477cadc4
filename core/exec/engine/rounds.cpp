#include "exec/engine/rounds.h"

#include <algorithm>

namespace mrun {
namespace {

constexpr size_t offline_lanes = 2;  // one runs scripts while the other's batch is out
constexpr int oldest_age = 8;        // rounds that a group waits for companions

// Jobs that do not join anyone have groups of their own.
std::string group_key(const Job &job) {
  const PendingCall &call = job.passage->call();
  return call.alone ? "alone " + std::to_string(job.seq) : call.key;
}

}  // namespace

Rounds::Rounds(RoundsOptions options, ConfigOf config) : options_(options), config_(std::move(config)) {
  lanes_.resize(options_.offline ? offline_lanes : 1);
  for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i].number = i;
}

void Rounds::add(Job *job) {
  job->lane = job->seq % lanes_.size();
  job->where = Job::Where::backlog;
  lanes_[job->lane].backlog.push_back(job);
  ++backlog_;
  advance(lanes_[job->lane], job->submitted);
}

void Rounds::end_of_input(bool ended) {
  ended_ = ended;
  for (Lane &lane : lanes_) advance(lane, Clock::time_point{});
}

void Rounds::waits(Job *job, Clock::time_point now) {
  Lane &lane = lanes_[job->lane];
  job->where = Job::Where::waiting;
  job->waiting_since = now;
  Group &group = lane.groups[group_key(*job)];
  group.calls.push_back(job);
  group.rows += job->passage->call().rows;
  --lane.running;
  advance(lane, now);
}

void Rounds::finished(Job *job) {
  Lane &lane = lanes_[job->lane];
  lane.unfinished.erase(job->seq);
  --lane.running;
  advance(lane, Clock::time_point{});
}

void Rounds::returned(const JoinedBatch &batch) {
  Lane &lane = lanes_[batch.lane];
  for (Job *job : batch.jobs) job->where = Job::Where::running;
  lane.running += batch.jobs.size();
  --lane.inflight;
}

void Rounds::tick(Clock::time_point now) {
  for (Lane &lane : lanes_) {
    if (!options_.offline) drop_ended(lane);
    advance(lane, now);
  }
}

bool Rounds::withdraw(Job *job) {
  if (job->where != Job::Where::waiting) return false;
  Lane &lane = lanes_[job->lane];
  const auto group = lane.groups.find(group_key(*job));
  std::erase(group->second.calls, job);
  group->second.rows -= job->passage->call().rows;
  if (group->second.calls.empty()) lane.groups.erase(group);
  job->where = Job::Where::running;
  ++lane.running;
  return true;
}

Job *Rounds::take_admitted() {
  if (admitted_.empty()) return nullptr;
  Job *job = admitted_.front();
  admitted_.pop_front();
  return job;
}

std::optional<JoinedBatch> Rounds::take_batch() {
  if (batches_.empty()) return std::nullopt;
  JoinedBatch batch = std::move(batches_.front());
  batches_.pop_front();
  return batch;
}

std::vector<Job *> Rounds::take_expired() { return std::exchange(expired_, {}); }

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

// Admits what may live; `parked`: the lane waits for an item that has not been read.
bool Rounds::admit(Lane &lane, bool &parked) {
  bool any = false;
  while (lane.unfinished.size() < options_.live) {
    if (lane.backlog.empty()) {
      parked = options_.offline && !ended_;
      break;
    }
    Job *job = lane.backlog.front();
    if (options_.offline && !lane.unfinished.empty() && job->seq >= *lane.unfinished.begin() + options_.window) break;
    lane.backlog.pop_front();
    --backlog_;
    lane.unfinished.insert(job->seq);
    ++lane.running;
    job->where = Job::Where::running;
    admitted_.push_back(job);
    any = true;
  }
  return any;
}

// Calls of items that were ended meanwhile free their places. They go back through `expired`: Rounds does not know the seats
// in which they are ready then.
void Rounds::drop_ended(Lane &lane) {
  for (auto group = lane.groups.begin(); group != lane.groups.end();) {
    auto &calls = group->second.calls;
    for (Job *job : calls) {
      if (job->item->stop.load() == MRUN_OK) continue;
      job->where = Job::Where::running;
      ++lane.running;
      group->second.rows -= job->passage->call().rows;
      expired_.push_back(job);
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

Selection Rounds::selection(Group &group) const {
  std::sort(group.calls.begin(), group.calls.end(), [](const Job *a, const Job *b) { return a->seq < b->seq; });
  std::vector<const PendingCall *> calls;
  calls.reserve(group.calls.size());
  for (const Job *job : group.calls) calls.push_back(&job->passage->call());
  return select(calls, config_(*calls.front()));
}

// Takes the selected calls out of their group as a batch. Returns the group that follows, or this one if calls are left.
Rounds::GroupAt Rounds::cut(Lane &lane, GroupAt group, const Selection &selection) {
  JoinedBatch batch;
  batch.lane = lane.number;
  auto &calls = group->second.calls;
  for (const size_t i : selection.calls) {
    calls[i]->where = Job::Where::in_batch;
    group->second.rows -= calls[i]->passage->call().rows;
    batch.jobs.push_back(calls[i]);
  }
  std::erase_if(calls, [](const Job *job) { return job->where == Job::Where::in_batch; });
  group->second.age = 0;
  ++lane.inflight;
  batches_.push_back(std::move(batch));
  return calls.empty() ? lane.groups.erase(group) : group;
}

size_t Rounds::cut_full(Lane &lane) {
  size_t count = 0;
  for (auto group = lane.groups.begin(); group != lane.groups.end();) {
    const Selection s = may_be_full(group->second) ? selection(group->second) : Selection{};
    if (!s.full) {
      ++group;
      continue;
    }
    group = cut(lane, group, s);
    ++count;
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
  for (auto group = lane.groups.begin(); group != lane.groups.end();) {
    const bool chosen = full == 0 && group == largest;
    if (chosen || ++group->second.age >= oldest_age) {
      const size_t before = lane.groups.size();
      const auto next = std::next(group);
      cut(lane, group, selection(group->second));
      group = lane.groups.size() < before ? next : std::next(group);
    } else {
      ++group;
    }
  }
}

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
    if (patient && !overdue && !(idle && lane.unfinished.size() >= options_.live)) return;
    cut(lane, oldest, selection(oldest->second));
  }
}

}  // namespace mrun
