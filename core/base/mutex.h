// The standard's mutexes, guards and conditions with the marks that clang checks. What waits writes its loop out
// (`while (!ready) changed.wait(mutex);`): the checker does not look into a predicate's lambda.
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "base/thread_annotations.h"

namespace mrun {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// Lets the lock go while it waits, and has it again when it returns. It may return without a reason. Notifying wants no lock.
class Condition {
 public:
  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }
  void wait(Mutex &mutex) REQUIRES(mutex) {
    Held held(mutex);
    changed_.wait(held.lock);
  }
  void wait_until(Mutex &mutex, std::chrono::steady_clock::time_point end) REQUIRES(mutex) {
    Held held(mutex);
    changed_.wait_until(held.lock, end);
  }

 private:
  struct Held {  // the caller's lock, as the standard wants it
    explicit Held(Mutex &mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Held() { lock.release(); }
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    std::unique_lock<std::mutex> lock;
  };
  std::condition_variable changed_;
};

// Many readers or one writer.
class CAPABILITY("mutex") SharedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

// Holds a lock as long as it lives.
template <class M>
class SCOPED_CAPABILITY ExclusiveLock {
 public:
  explicit ExclusiveLock(M &mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ExclusiveLock(M &mutex, std::adopt_lock_t) REQUIRES(mutex) : mutex_(mutex) {}  // that try_lock() has got
  ~ExclusiveLock() RELEASE() { mutex_.unlock(); }
  ExclusiveLock(const ExclusiveLock &) = delete;
  ExclusiveLock &operator=(const ExclusiveLock &) = delete;

 private:
  M &mutex_;
};

// The reverse: lets a lock go as long as it lives, and takes it again however its scope is left.
class SCOPED_CAPABILITY Unlocked {
 public:
  explicit Unlocked(Mutex &mutex) RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  ~Unlocked() RELEASE() { mutex_.lock(); }
  Unlocked(const Unlocked &) = delete;
  Unlocked &operator=(const Unlocked &) = delete;

 private:
  Mutex &mutex_;
};

class SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex &mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
  ~SharedLock() RELEASE_GENERIC() { mutex_.unlock_shared(); }
  SharedLock(const SharedLock &) = delete;
  SharedLock &operator=(const SharedLock &) = delete;

 private:
  SharedMutex &mutex_;
};

}  // namespace mrun
