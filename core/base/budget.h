// How many bytes of native memory one item (or one state) may hold. Charged before allocating, given back when freed.
#pragma once
#include <atomic>
#include <cstdint>
#include <limits>

namespace mrun {

class Budget {
 public:
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();
  explicit Budget(int64_t limit = unlimited) : limit_(limit) {}

  // False, and nothing charged, if the limit would be passed. Negative amounts give back and always succeed. Any
  // thread.
  bool charge(int64_t bytes) noexcept {
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
  int64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  int64_t limit() const noexcept { return limit_; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

}  // namespace mrun
