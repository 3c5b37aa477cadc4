// Whether this thread is one of a session's workers, or runs an item of it: what the host's functions (callbacks,
// deleters) would wait for there is refused, as it could be themselves. Scopes are a thread's own, and end in the reverse of the
// order in which they began.
#pragma once

namespace mrun {

class Session;

class CallbackScope {
 public:
  explicit CallbackScope(const Session *session) : session_(session), outer_(innermost) { innermost = this; }
  ~CallbackScope() { innermost = outer_; }
  CallbackScope(const CallbackScope &) = delete;
  CallbackScope &operator=(const CallbackScope &) = delete;
  // Also from a callback of another session's callback.
  static bool inside(const Session *session) {
    for (const CallbackScope *scope = innermost; scope != nullptr; scope = scope->outer_) {
      if (scope->session_ == session) return true;
    }
    return false;
  }

  static bool inside_any() { return innermost != nullptr; }

 private:
  static inline thread_local const CallbackScope *innermost = nullptr;
  const Session *const session_;
  const CallbackScope *const outer_;
};

}  // namespace mrun
