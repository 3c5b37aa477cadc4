#include "exec/watchdog.h"

namespace mrun {
namespace {
constexpr double forever = 1e9;  // seconds; beyond it a deadline would overflow the clock
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// An item that has been raised stays in the map, moved out of the way, until its Watch ends: its iterator stays valid.
void Watchdog::loop() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (deadlines_.empty() || deadlines_.begin()->first == Clock::time_point::max()) {
      wake_.wait(lock);
      continue;
    }
    const auto first = deadlines_.begin();
    const Clock::time_point when = first->first;  // a copy: the entry may go while this thread waits
    if (Clock::now() < when) {
      wake_.wait_until(lock, when);
      continue;
    }
    int running = MRUN_OK;
    first->second->stop.compare_exchange_strong(running, MRUN_TIMEOUT);
    auto node = deadlines_.extract(first);
    node.key() = Clock::time_point::max();
    deadlines_.insert(std::move(node));
  }
}

Watchdog::Watch::Watch(Watchdog &dog, std::shared_ptr<ItemContext> item, double seconds) : dog_(dog) {
  if (seconds <= 0 || seconds >= forever) return;
  const auto when = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  bool wake = false;
  {
    const std::lock_guard lock(dog_.mutex_);
    if (!dog_.thread_.joinable()) dog_.thread_ = std::thread(&Watchdog::loop, &dog_);
    at_ = dog_.deadlines_.emplace(when, std::move(item));
    armed_ = true;
    wake = at_ == dog_.deadlines_.begin();
  }
  if (wake) dog_.wake_.notify_one();
}

Watchdog::Watch::~Watch() {
  if (!armed_) return;
  const std::lock_guard lock(dog_.mutex_);
  dog_.deadlines_.erase(at_);
}

}  // namespace mrun
