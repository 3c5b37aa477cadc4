// How an engine's batches and workers were used, beside what its items took (Statistics). Any thread.
#pragma once
#include <array>

#include "base/mutex.h"
#include "exec/joined.h"
#include "exec/options.h"

namespace mrun {

class Usage {
 public:
  void add(const Timings &);  // of an item that was answered
  void add_batch(size_t calls, const JoinedRun &);
  // {"largest", "filling", "counts": {"queue", …}}: calls of the largest batch; how much of what models were given was
  // filling; items that were in each stage at all.
  std::vector<std::pair<std::string, Value>> report() const;

 private:
  mutable Mutex mutex_;
  std::array<uint64_t, 5> counts_ GUARDED_BY(mutex_){};
  size_t largest_ GUARDED_BY(mutex_) = 0;
  int64_t given_ GUARDED_BY(mutex_) = 0, filled_ GUARDED_BY(mutex_) = 0;  // elements
};

}  // namespace mrun
