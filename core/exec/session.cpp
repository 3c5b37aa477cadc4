#include "exec/session.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "base/error.h"

namespace mrun {
namespace {

// Asked with each item, of which a system call would be a tenth of the submit's time, and more behind a worker's filter. A
// child of _Fork() or of a bare clone() is not noticed: nothing but what a signal's handler may call works there either.
std::atomic<int> known_process{0};
const bool forks_are_told = ::pthread_atfork(nullptr, nullptr, [] { known_process = 0; }) == 0;

int this_process() {
  const int id = known_process.load(std::memory_order_relaxed);
  if (id != 0) return id;
  const int now = ::getpid();
  if (forks_are_told) known_process = now;
  return now;
}

}  // namespace

void want_starter(int started, const char *what) {
  if (started == this_process()) return;
  fail(MRUN_USAGE, "{}: this process was forked after the engine was started: start one in the child", what);
}

}  // namespace mrun
