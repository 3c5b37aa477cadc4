// Wall-time limits: one thread that raises an item's stop flag when its time is over. The item ends itself (script
// hook, polls).
#pragma once
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "plugin/call.h"

namespace mrun {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  Watchdog() = default;
  ~Watchdog();
  Watchdog(const Watchdog &) = delete;
  Watchdog &operator=(const Watchdog &) = delete;

  // Watches `item` while it lives. seconds <= 0: no limit. The thread starts with the first limit.
  class Watch {
   public:
    Watch(Watchdog &, std::shared_ptr<ItemContext> item, double seconds);
    ~Watch();
    Watch(const Watch &) = delete;
    Watch &operator=(const Watch &) = delete;

   private:
    using Deadlines = std::multimap<Clock::time_point, std::shared_ptr<ItemContext>>;
    Watchdog &dog_;
    Deadlines::iterator at_;
    bool armed_ = false;
    friend class Watchdog;
  };

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  Watch::Deadlines deadlines_;
  std::thread thread_;
  bool ending_ = false;
};

}  // namespace mrun
