// How many bytes of native memory one item (or one state) may hold. Charged before allocating, given back when freed: so
// what was charged keeps the budget alive (shared_ptr), often beyond its item. Any thread; no operation orders other memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace mrun {

class Budget {
 public:
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();
  explicit Budget(int64_t limit = unlimited) : limit_(limit) {}
  // Of what several items hold together: each is charged its equal share, all of them or none.
  explicit Budget(std::vector<std::shared_ptr<Budget>> sharers) : limit_(unlimited), sharers_(std::move(sharers)) {}

  // False, and nothing charged, if the limit would be passed. Negative amounts give back and always succeed. Any
  // thread.
  bool charge(int64_t bytes) noexcept {
    if (sharers_.empty()) return charge_own(bytes);
    // The share depends on the amount alone, so that giving back the same amount undoes it.
    const auto n = static_cast<int64_t>(sharers_.size());
    const int64_t share = bytes / n, first = bytes - share * (n - 1);
    for (size_t i = 0; i < sharers_.size(); ++i) {
      if (sharers_[i]->charge(i == 0 ? first : share)) continue;
      while (i-- > 0) sharers_[i]->charge(i == 0 ? -first : -share);
      return false;
    }
    used_.fetch_add(bytes, std::memory_order_relaxed);
    return true;
  }
  int64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const noexcept { return limit_; }

 private:
  bool charge_own(int64_t bytes) noexcept {
    if (bytes <= 0) {
      used_.fetch_add(bytes, std::memory_order_relaxed);
      return true;
    }
    int64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }

  const int64_t limit_;
  std::atomic<int64_t> used_{0};
  const std::vector<std::shared_ptr<Budget>> sharers_;
};

}  // namespace mrun
