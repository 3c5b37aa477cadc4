// Whether this thread is inside a callback of an engine: what would wait for that callback is refused there.
#pragma once

namespace mrun {

class Engine;

class CallbackScope {
 public:
  explicit CallbackScope(const Engine *engine) : outer_(current) { current = engine; }
  ~CallbackScope() { current = outer_; }
  CallbackScope(const CallbackScope &) = delete;
  CallbackScope &operator=(const CallbackScope &) = delete;
  static bool inside(const Engine *engine) { return current == engine; }

 private:
  static inline thread_local const Engine *current = nullptr;
  const Engine *const outer_;
};

}  // namespace mrun
