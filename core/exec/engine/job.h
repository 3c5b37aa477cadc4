// A submitted item on its way through the engine.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/linked_queue.h"
#include "exec/passage.h"
#include "exec/session.h"

namespace mrun {

using Clock = std::chrono::steady_clock;

inline double seconds_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

struct Job {
  uint64_t id = 0;   // from 1, in order of submission
  uint64_t seq = 0;  // id - 1: what decides lanes and rounds
  Work work;
  Done done;
  std::shared_ptr<ItemContext> item;
  Clock::time_point submitted;

  // Of the worker that began it. The passage lives in that worker's state and is touched on its thread; while the job
  // waits, whoever runs its batch reads the call and gives the results.
  int seat = -1;
  std::unique_ptr<Passage> passage;
  Clock::time_point begun;
  Passage::Step step = Passage::Step::preempted;  // what its last slice gave
  int64_t emits = 0;                              // partial answers sent by a passage that was given up
  Failure failure;                                // of a job that could not be begun

  // Of Rounds.
  enum class Where { backlog, running, waiting, in_batch } where = Where::backlog;
  size_t lane = 0;
  const std::string *group = nullptr;  // the key of the group that it waits in
  Clock::time_point waiting_since;

  Job *next = nullptr;  // of the JobList that it is in

  // It is answered: its input goes before its `done` comes. Foreign code: without the engine's lock.
  void let_go() {
    passage.reset();
    work.input = Value();
  }
  // When it must have been answered; nanoseconds of the steady clock.
  int64_t last_moment() const {
    constexpr double forever = 1e9;  // seconds; beyond it the sum would overflow the clock
    if (work.deadline <= 0 || work.deadline >= forever) return std::numeric_limits<int64_t>::max();
    const auto span = std::chrono::nanoseconds(static_cast<int64_t>(work.deadline * 1e9));
    return (submitted.time_since_epoch() + span).count();
  }
};

using JobList = LinkedQueue<Job>;

}  // namespace mrun
