#include "exec/engine/usage.h"

#include <algorithm>

namespace mrun {
namespace {

constexpr std::array<const char *, 5> stages{"queue", "preprocess", "batch", "forward", "postprocess"};

}  // namespace

void Usage::add(const Timings &t) {
  const double times[] = {t.queue, t.preprocess, t.batch, t.forward, t.postprocess};
  const ExclusiveLock lock(mutex_);
  for (size_t i = 0; i < stages.size(); ++i) counts_[i] += times[i] > 0 ? 1 : 0;
}

void Usage::add_batch(size_t calls, const JoinedRun &run) {
  const ExclusiveLock lock(mutex_);
  largest_ = std::max(largest_, calls);
  given_ += run.given;
  filled_ += run.filled;
}

std::vector<std::pair<std::string, Value>> Usage::report() const {
  const ExclusiveLock lock(mutex_);
  std::vector<std::pair<std::string, Value>> counts;
  for (size_t i = 0; i < stages.size(); ++i)
    counts.emplace_back(stages[i], Value::integer(static_cast<int64_t>(counts_[i])));
  const auto filled = static_cast<double>(filled_), whole = filled + static_cast<double>(given_);
  return {{"largest", Value::integer(static_cast<int64_t>(largest_))},
          {"filling", Value::number(whole > 0 ? filled / whole : 0)},
          {"counts", Value::map(std::move(counts))}};
}

}  // namespace mrun
