// A queue that needs no memory of its own: the links are in what it holds, each T's `T *next`. So nothing that moves one on can
// fail where memory has run out. A T is in one queue at most, and must outlive its place in it. No lock: the owner has one.
#pragma once
#include <cstddef>
#include <utility>

namespace mrun {

template <class T>
class LinkedQueue {
 public:
  LinkedQueue() = default;
  LinkedQueue(LinkedQueue &&other) noexcept { *this = std::move(other); }
  LinkedQueue &operator=(LinkedQueue &&other) noexcept {
    first_ = std::exchange(other.first_, nullptr);
    last_ = std::exchange(other.last_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  T *front() const { return first_; }  // null: empty. The next is T::next

  void push_back(T *one) noexcept {
    one->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = one;
    last_ = one;
    ++size_;
  }
  T *pop_front() noexcept {  // null: empty
    T *one = first_;
    if (one == nullptr) return nullptr;
    first_ = one->next;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return one;
  }
  void append(LinkedQueue other) noexcept {
    if (other.empty()) return;
    (last_ == nullptr ? first_ : last_->next) = other.first_;
    last_ = other.last_;
    size_ += other.size_;
  }
  // Before the first of which `is_later` is true. Walks the queue: for few.
  template <class IsLater>
  void insert(T *one, IsLater &&is_later) noexcept {
    T **at = &first_;
    while (*at != nullptr && !is_later(**at)) at = &(*at)->next;
    if (*at == nullptr) return push_back(one);
    one->next = *at;
    *at = one;
    ++size_;
  }

 private:
  T *first_ = nullptr, *last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace mrun
