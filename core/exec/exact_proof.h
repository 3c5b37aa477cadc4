// What a model has proven so far of the calls whose batches are to be exact. Any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace mrun {

inline constexpr int64_t exact_rows = 16;  // of every exact batch

class ExactProof {
 public:
  // Whether calls of this key are exact: what `prove` found the first time. It runs the model, and has the lock meanwhile,
  // so that others of the engine wait for its finding; what it throws is not remembered.
  bool holds(const std::string &key, const std::function<bool()> &prove) {
    const ExclusiveLock lock(mutex_);
    auto known = exact_.find(key);
    if (known == exact_.end()) known = exact_.emplace(key, prove()).first;
    return known->second;
  }

 private:
  Mutex mutex_;
  std::unordered_map<std::string, bool> exact_ GUARDED_BY(mutex_);
};

}  // namespace mrun
