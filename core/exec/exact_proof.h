// What a model has proven so far of the calls whose batches are to be exact. Any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"

namespace mrun {

inline constexpr int64_t exact_rows = 16;              // the most of an exact batch
inline constexpr int64_t exact_ladder[] = {16, 8, 4};  // each exact batch of a key is filled up to the same of these

class ExactProof {
 public:
  // How many rows make calls of this key exact, 0 if none do: what `prove` found the first time. It runs the model, and has the lock meanwhile,
  // so that others of the engine wait for its finding; what it throws is not remembered.
  int64_t rows(const std::string &key, const std::function<int64_t()> &prove) {
    const ExclusiveLock lock(mutex_);
    auto known = exact_.find(key);
    if (known == exact_.end()) known = exact_.emplace(key, prove()).first;
    return known->second;
  }

 private:
  Mutex mutex_;
  std::unordered_map<std::string, int64_t> exact_ GUARDED_BY(mutex_);
};

}  // namespace mrun
