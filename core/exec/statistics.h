// Counts and times of an engine's items, for `--timings` and mrun_statistics. Any thread.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "exec/options.h"

namespace mrun {

// {"waiting": not begun, "running", "held": answered and not delivered}: items.
Value report_queue(int64_t waiting, int64_t running, size_t held);

constexpr size_t stage_count = 5;  // queue, preprocess, batch, forward, postprocess

class Statistics {
 public:
  Statistics() { last_.reserve(kept); }  // add() wants no memory
  void add(const Timings &, mrun_code);  // MRUN_OK, or what it failed with
  // A model call of `calls` items; failure: of the joined call, each of which was then tried alone.
  void add_batch(size_t calls, std::optional<Error> failure);
  // {"items", "failed", "cancelled", "stages": {"queue": {"mean", "p50", "p95", "p99"}, …}, "batch_size": {…},
  // "batches", "calls"}: seconds, of a stage those of the items that came to it; joined calls and the calls in them.
  // "joined_failure": what the last one that failed said, or nil.
  Value report() const;

 private:
  // The last items' times: enough for stable percentiles, bounded for long runs.
  static constexpr size_t kept = 10000;
  mutable Mutex mutex_;
  std::vector<Timings> last_ GUARDED_BY(mutex_);
  size_t next_ GUARDED_BY(mutex_) = 0;
  Timings sum_ GUARDED_BY(mutex_){.batch_size = 0};
  std::array<uint64_t, stage_count> counts_ GUARDED_BY(mutex_){};
  uint64_t items_ GUARDED_BY(mutex_) = 0, failed_ GUARDED_BY(mutex_) = 0;
  uint64_t cancelled_ GUARDED_BY(mutex_) = 0;
  uint64_t batches_ GUARDED_BY(mutex_) = 0, calls_ GUARDED_BY(mutex_) = 0;
  std::string joined_failure_ GUARDED_BY(mutex_);
};

}  // namespace mrun
