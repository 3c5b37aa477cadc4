// How work announces memory that grows beyond what its text or file lets expect, so that a budget can refuse it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace text {

// What each byte of a text may become on its way: an entry of each array of an encoding, and its piece.
inline constexpr size_t memory_per_byte = 100;

// While it lives, take() on this thread calls `charge`, which throws where there is no such memory left.
class Budget {
 public:
  explicit Budget(std::function<void(int64_t)> charge) : charge_(std::move(charge)), outer_(current_) {
    current_ = this;
  }
  ~Budget() { current_ = outer_; }
  Budget(const Budget &) = delete;
  Budget &operator=(const Budget &) = delete;

  static void take(size_t bytes) {
    if (current_) current_->charge_(int64_t(bytes));
  }

 private:
  static inline thread_local Budget *current_ = nullptr;
  std::function<void(int64_t)> charge_;
  Budget *outer_;
};

// Announces what grows beyond `expected` bytes, in steps.
class Growth {
 public:
  explicit Growth(size_t expected, size_t weight = 1) : announced_(expected), weight_(weight) {}
  // False where there is nothing to announce.
  bool to(size_t bytes) {
    if (bytes <= announced_) return false;
    constexpr size_t step = 4096;
    const size_t more = std::max(bytes - announced_, step);
    Budget::take(more * weight_);
    announced_ += more;
    return true;
  }

 private:
  size_t announced_, weight_;
};

}  // namespace text
