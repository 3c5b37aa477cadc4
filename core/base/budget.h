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
  // Of what several items hold together: each is charged its equal share, all of them or none. Until settle() what is given
  // back stays charged to them, for what is charged next: a call takes and frees much, and each time would be an atomic
  // operation for every item.
  explicit Budget(std::vector<std::shared_ptr<Budget>> sharers) : limit_(unlimited), sharers_(std::move(sharers)) {}
  ~Budget() { settle(); }
  Budget(const Budget &) = delete;
  Budget &operator=(const Budget &) = delete;

  // False, and nothing charged, if the limit would be passed. Negative amounts give back and always succeed. Any
  // thread.
  bool charge(int64_t bytes) noexcept {
    if (bytes == 0) return true;
    return sharers_.empty() ? charge_own(bytes) : charge_shares(bytes);
  }
  // The items' call has ended: they get back what it does not hold, now and from now on.
  void settle() noexcept;
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
  bool charge_shares(int64_t bytes) noexcept;
  bool take_share(int64_t share) noexcept;
  void give_back_spare() noexcept;

  const int64_t limit_;
  std::atomic<int64_t> used_{0};
  const std::vector<std::shared_ptr<Budget>> sharers_;
  std::atomic<int64_t> spare_{0};  // charged to each of them, and free
  std::atomic<bool> settled_{false};
};

}  // namespace mrun
