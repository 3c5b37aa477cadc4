// "1200 items, 340/s, 3 failed" on standard error, redrawn a few times a second where it is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>

namespace command {

class Progress {
 public:
  explicit Progress(bool show) : show_(show) {}
  void count(bool ok);  // any thread
  void end();           // clears the line

 private:
  using Clock = std::chrono::steady_clock;
  const bool show_;
  std::mutex mutex_;
  uint64_t items_ = 0, failed_ = 0;
  Clock::time_point begin_ = Clock::now(), drawn_;
};

}  // namespace command
