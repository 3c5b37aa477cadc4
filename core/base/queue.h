// A queue of bounded length between threads. Closing it wakes everyone who waits, so that shutting down never hangs.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace mrun {

// Any number of producers and consumers.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}  // at least 1
  BoundedQueue(const BoundedQueue &) = delete;
  BoundedQueue &operator=(const BoundedQueue &) = delete;

  // Waits while the queue is full, `seconds` at most (negative: for ever). False, and the item is dropped, where the
  // time ran out or the queue is closed.
  bool push(T item, double seconds = -1) {
    std::unique_lock lock(mutex_);
    const auto may_go_on = [&] { return closed_ || items_.size() < capacity_; };
    if (seconds < 0) {
      changed_.wait(lock, may_go_on);
    } else if (!changed_.wait_for(lock, std::chrono::duration<double>(seconds), may_go_on)) {
      return false;
    }
    if (closed_) return false;
    items_.push_back(std::move(item));
    changed_.notify_all();
    return true;
  }

  // Waits for an item. Nothing once the queue is closed and what was in it is taken.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  // From now on nothing comes in. May be called again.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace mrun
