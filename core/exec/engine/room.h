// Room: the places of a session's queue, and the submitters who wait for one.
//
// The owner's mutex guards it: every function wants it held, and wait() lets it go while it waits.
#pragma once
#include <functional>

#include "base/mutex.h"

namespace mrun {

class Session;

class Room {
 public:
  // many: enough of them that who waited is worth waking, as two switches of threads for one place would cost more than many
  // an item.
  enum class Free { none, some, many };

  // session, whose queue it is, outlives it. look: what is free now, called with the lock held; `many` where nobody is to
  // wait, as in a session that stops. before: what somebody does who will wait, counted as waiting already; called with the lock
  // held, which it may let go. It throws nothing.
  Room(const Session *session, int queue, std::function<Free()> look, std::function<void()> before = {})
      : session_(session), queue_(static_cast<size_t>(queue)), look_(std::move(look)), before_(std::move(before)) {}

  // How many free places of a queue are many; of a small one each is.
  static size_t many_of(size_t queue);
  // Of the queue's places, when `taken` of them are.
  Free beside(size_t taken) const;

  // Until a place is free, `seconds` at most (negative: for ever), in a callback of the session not at all. Throws TIMEOUT.
  void wait(Mutex &mutex, double seconds) REQUIRES(mutex);
  bool is_waited_for() const { return waiting_ > 0; }
  // Something may have become free.
  void tell() {
    if (waiting_ > 0 && look_() == Free::many) changed_.notify_all();
  }

 private:
  const Session *const session_;
  const size_t queue_;
  const std::function<Free()> look_;
  const std::function<void()> before_;
  Condition changed_;
  size_t waiting_ = 0;
};

}  // namespace mrun
