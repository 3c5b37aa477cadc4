#include "exec/engine/room.h"

#include <algorithm>
#include <mrun/message.hpp>

#include "base/error.h"
#include "exec/engine/callback_scope.h"

namespace mrun {
namespace {

constexpr double forever = 1e9;  // seconds; beyond it the end would overflow the clock
constexpr size_t part = 8;       // of the queue, that is many

}  // namespace

size_t Room::many_of(size_t queue) { return std::max<size_t>(queue / part, 1); }

Room::Free Room::beside(size_t taken) const {
  if (taken >= queue_) return Free::none;
  return queue_ - taken >= many_of(queue_) ? Free::many : Free::some;
}

void Room::wait(Mutex &mutex, double seconds) {
  using Clock = std::chrono::steady_clock;
  if (CallbackScope::inside(session_)) seconds = 0;
  const bool endless = seconds < 0 || seconds >= forever;
  const std::chrono::duration<double> most(endless ? 0 : seconds);
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(most);
  ++waiting_;
  if (before_ && (endless || most.count() > 0) && look_() == Free::none) before_();
  for (Free wanted = Free::some; look_() < wanted; wanted = Free::many) {
    if (endless) {
      changed_.wait(mutex);
    } else if (Clock::now() < end) {
      changed_.wait_until(mutex, end);
    } else {
      break;
    }
  }
  --waiting_;
  if (look_() == Free::none)
    fail(MRUN_TIMEOUT, "the queue of {} stayed full for {} s", counted(queue_, "item"), seconds);
}

}  // namespace mrun
