// How work announces memory that grows beyond what its text or file lets expect, so that a budget can refuse it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace text {

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

}  // namespace text
