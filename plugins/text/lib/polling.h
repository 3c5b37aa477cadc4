// How long work asks, now and then, whether it must end (the item's deadline, a stopped run).
#pragma once
#include <functional>
#include <utility>

namespace text {

// While it lives, now() on this thread calls `ask`, which throws where the work must end.
class Polling {
 public:
  explicit Polling(std::function<void()> ask) : ask_(std::move(ask)), outer_(current_) { current_ = this; }
  ~Polling() { current_ = outer_; }
  Polling(const Polling &) = delete;
  Polling &operator=(const Polling &) = delete;

  // To be called where at most some thousands of steps pass between calls, or, as `weight` says, that many times as
  // many; most calls cost nothing.
  static void now(unsigned weight = 1) {
    constexpr unsigned every = 64;
    if (!current_ || (current_->calls_ += weight) < every) return;
    current_->calls_ = 0;
    current_->ask_();
  }
  // Behind so many steps.
  static void steps(size_t count) {
    constexpr size_t between = 2048;
    if (current_) now(unsigned(1 + count / between));
  }

 private:
  static inline thread_local Polling *current_ = nullptr;
  std::function<void()> ask_;
  Polling *outer_;
  unsigned calls_ = 0;
};

}  // namespace text
