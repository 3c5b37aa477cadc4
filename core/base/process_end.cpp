#include "base/process_end.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace mrun {
namespace {

constexpr auto longest = std::chrono::seconds(10);

std::atomic<bool> ends{false};
thread_local bool ends_here = false;

struct All {
  Mutex mutex;
  std::set<const AtProcessEnd *> list GUARDED_BY(mutex);
};

All &all();

// A fork while another thread has the lock would leave it locked in the child.
void unlock_after_fork() NO_THREAD_SAFETY_ANALYSIS { all().mutex.unlock(); }
void lock_for_fork() NO_THREAD_SAFETY_ANALYSIS { all().mutex.lock(); }

All &all() {
  static All *const made = [] {
    pthread_atfork(lock_for_fork, unlock_after_fork, unlock_after_fork);
    return new All;  // never destroyed, as what is in it may go later
  }();
  return *made;
}

}  // namespace

void end_process() {
  if (ends.exchange(true)) return;
  ends_here = true;
  const ExclusiveLock lock(all().mutex);
  std::vector<const AtProcessEnd *> own;
  for (const AtProcessEnd *one : all().list) {
    if (one->process_ == ::getpid()) own.push_back(one);
  }
  for (const AtProcessEnd *one : own) one->begin_();
  const auto until = AtProcessEnd::Time::clock::now() + longest;
  for (const AtProcessEnd *one : own) one->wait_(until);
}

AtProcessEnd::AtProcessEnd(std::function<void()> begin, std::function<void(Time)> wait)
    : begin_(std::move(begin)), wait_(std::move(wait)), process_(::getpid()) {
  static const bool once = (note_loaded_library(), true);
  static_cast<void>(once);
  const ExclusiveLock lock(all().mutex);
  all().list.insert(this);
}

AtProcessEnd::~AtProcessEnd() {
  const ExclusiveLock lock(all().mutex);
  all().list.erase(this);
}

void note_loaded_library() { std::atexit(end_process); }
bool process_ends() { return ends; }
bool ends_process() { return ends_here; }

}  // namespace mrun
