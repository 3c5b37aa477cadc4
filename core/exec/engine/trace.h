// Chrome trace events (chrome://tracing, Perfetto): a row a worker, slices of items, batches with their size. The format:
// "Trace Event Format", complete events ("ph": "X"), times in microseconds, in the order in which they end; metadata
// ("ph": "M") names the rows. Any thread; what its sink throws, and events without memory, are left out.
#pragma once
#include <chrono>
#include <functional>
#include <string>

#include "exec/joined.h"
#include "exec/options.h"

namespace mrun {

class Trace {
 public:
  using Clock = std::chrono::steady_clock;
  using Sink = std::function<void(const std::string &json)>;  // any thread; may be empty
  explicit Trace(const EngineOptions &);
  bool on() const { return static_cast<bool>(sink_); }

  void name_rows(size_t seats) const;  // first
  // first, last: the stages in which it began and ended. end: the time from which the seat's next one counts, so that the
  // two never overlap in its row.
  void slice(int seat, const char *first, const char *last, uint64_t item, Clock::time_point begin,
             Clock::time_point end) const;
  void batch(int seat, const Model &, std::span<const JoinedCall>, Clock::time_point begin,
             Clock::time_point end) const;

 private:
  void event(int seat, const std::string &name, const std::string &args, Clock::time_point begin,
             Clock::time_point end) const;
  const Sink sink_;
  const int process_;
  const Clock::time_point start_;
};

}  // namespace mrun
