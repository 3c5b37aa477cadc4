// Delivery: items from their submission to their callback. They are counted, told in order where that is wanted, and told
// without the lock.
//
// The owner's mutex guards it: every function wants it held, and answer() lets it go around the host's code. An item's
// node is made before anything is counted; from then on nothing here wants memory, so what was taken in is answered.
#pragma once
#include <functional>
#include <map>
#include <memory>

#include "base/mutex.h"
#include "exec/session.h"

namespace mrun {

// Item: has `uint64_t id` and `Done done` (empty: nobody is told), and owns what is the host's of it.
template <class Item>
class Delivery {
 public:
  struct Answer {
    std::unique_ptr<Item> item;
    Result result;  // once it is answered
  };
  using Answers = std::map<uint64_t, Answer>;  // by number: from 1, in order of take()
  using Node = typename Answers::node_type;

  // Both are called with the lock held: after a place in the queue has become free; when all has been told.
  Delivery(std::function<void()> place_is_free, std::function<void()> all_is_told)
      : place_is_free_(std::move(place_is_free)), all_is_told_(std::move(all_is_told)) {}

  // Throws bad_alloc; without the lock.
  static Node new_node() {
    Answers one;
    one.try_emplace(0).first->second.item = std::make_unique<Item>();
    return one.extract(one.begin());
  }

  // Whether answers are told in the order of their numbers, not as they come. Throws USAGE once an item was taken in.
  void set_ordered(bool yes) {
    if (next_ > 1) fail(MRUN_USAGE, "the order of answers must be chosen before the first submit");
    ordered_ = yes;
  }

  // A place in the queue for an item that is then taken in.
  void reserve() noexcept { ++pending_; }
  uint64_t next_number() const { return next_; }  // of the next take()
  void take(Node node) noexcept {
    node.key() = next_++;
    unanswered_.insert(unanswered_.end(), std::move(node));
  }

  const Answers &unanswered() const { return unanswered_; }
  size_t held() const { return ready_.size(); }  // answered, but those before them are not
  size_t pending() const { return pending_; }    // places that are taken
  bool all_told() const { return pending_ == 0 && callbacks_ == 0; }

  // The item is answered. Tells it and what waited for it, unless another thread is at it, which then tells them, too.
  void answer(Mutex &mutex, uint64_t number, Result result) REQUIRES(mutex) {
    Node node = unanswered_.extract(number);
    node.mapped().result = std::move(result);
    ready_.insert(std::move(node));
    if (ordered_ && telling_) return;
    telling_ = true;
    while (!ready_.empty() && (!ordered_ || ready_.begin()->first == next_told_)) tell_first(mutex);
    telling_ = false;
  }

 private:
  // Its own place in the queue is free while a callback runs, so that it may submit.
  void tell_first(Mutex &mutex) REQUIRES(mutex) {
    Node node = ready_.extract(ready_.begin());
    ++next_told_;
    --pending_;
    ++callbacks_;
    place_is_free_();
    {
      const Unlocked unlocked(mutex);
      tell(std::move(node.mapped()));
    }
    --callbacks_;
    if (all_told()) all_is_told_();
  }

  // The answer goes before the lock is taken again: its tensors' deleters are the host's.
  static void tell(Answer answer) noexcept {
    try {
      if (answer.item->done) answer.item->done(answer.item->id, std::move(answer.result));
    } catch (...) {
      // A host's callback must not throw (mrun.h, 3); what it threw has nowhere to go.
    }
  }

  const std::function<void()> place_is_free_, all_is_told_;
  Answers unanswered_, ready_;
  uint64_t next_ = 1, next_told_ = 1;
  size_t pending_ = 0;    // reserved, not told
  size_t callbacks_ = 0;  // `done` that have not returned
  bool ordered_ = false, telling_ = false;
};

}  // namespace mrun
