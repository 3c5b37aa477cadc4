#include "exec/statistics.h"

#include <algorithm>

#include "base/percentile.h"

namespace mrun {
namespace {

Value summary(std::vector<double> values, double sum, uint64_t count) {
  std::sort(values.begin(), values.end());
  return Value::map({{"mean", Value::number(count == 0 ? 0 : sum / static_cast<double>(count))},
                     {"p50", Value::number(percentile(values, 0.50))},
                     {"p95", Value::number(percentile(values, 0.95))},
                     {"p99", Value::number(percentile(values, 0.99))}});
}

struct StageColumn {
  const char *name;
  double Timings::*field;
};
constexpr StageColumn columns[stage_count] = {{"queue", &Timings::queue},
                                              {"preprocess", &Timings::preprocess},
                                              {"batch", &Timings::batch},
                                              {"forward", &Timings::forward},
                                              {"postprocess", &Timings::postprocess}};

}  // namespace

Value report_queue(int64_t waiting, int64_t running, size_t held) {
  return Value::map({{"waiting", Value::integer(waiting)},
                     {"running", Value::integer(running)},
                     {"held", Value::integer(static_cast<int64_t>(held))}});
}

void Statistics::add(const Timings &t, mrun_code code) {
  const ExclusiveLock lock(mutex_);
  ++items_;
  if (code == MRUN_CANCELLED) {
    ++cancelled_;
  } else if (code != MRUN_OK) {
    ++failed_;
  }
  for (size_t i = 0; i < stage_count; ++i) {
    const double took = t.*columns[i].field;
    sum_.*columns[i].field += took;
    counts_[i] += took > 0 ? 1 : 0;
  }
  sum_.batch_size += t.batch_size;
  if (last_.size() < kept) {
    last_.push_back(t);
  } else {
    last_[next_++ % kept] = t;
  }
}

void Statistics::add_batch(size_t calls, std::optional<Error> failure) {
  const ExclusiveLock lock(mutex_);
  ++batches_;
  calls_ += calls;
  if (failure) joined_failure_ = std::move(failure->message);
}

Value Statistics::report() const {
  const ExclusiveLock lock(mutex_);
  std::vector<std::pair<std::string, Value>> stages;
  for (size_t i = 0; i < stage_count; ++i) {
    const StageColumn &c = columns[i];
    std::vector<double> values;
    for (const Timings &t : last_) {
      if (t.*c.field > 0) values.push_back(t.*c.field);
    }
    stages.emplace_back(c.name, summary(std::move(values), sum_.*c.field, counts_[i]));
  }
  std::vector<double> sizes;
  for (const Timings &t : last_) sizes.push_back(t.batch_size);
  return Value::map({{"items", Value::integer(static_cast<int64_t>(items_))},
                     {"failed", Value::integer(static_cast<int64_t>(failed_))},
                     {"cancelled", Value::integer(static_cast<int64_t>(cancelled_))},
                     {"stages", Value::map(std::move(stages))},
                     {"batches", Value::integer(static_cast<int64_t>(batches_))},
                     {"calls", Value::integer(static_cast<int64_t>(calls_))},
                     {"joined_failure", joined_failure_.empty() ? Value() : Value::string(joined_failure_)},
                     {"batch_size", summary(std::move(sizes), sum_.batch_size, items_)}});
}

}  // namespace mrun
