// Whether this thread is inside a callback of a session: what would wait for that callback is refused there.
#pragma once

namespace mrun {

class Session;

class CallbackScope {
 public:
  explicit CallbackScope(const Session *session) : outer_(current) { current = session; }
  ~CallbackScope() { current = outer_; }
  CallbackScope(const CallbackScope &) = delete;
  CallbackScope &operator=(const CallbackScope &) = delete;
  static bool inside(const Session *session) { return current == session; }

 private:
  static inline thread_local const Session *current = nullptr;
  const Session *const outer_;
};

}  // namespace mrun
