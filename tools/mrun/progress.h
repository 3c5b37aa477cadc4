// "1200 of 5000 items, 340/s, 11 s left, 3 failed" on standard error, redrawn a few times a second where it is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>

namespace command {

class Progress {
 public:
  // all: how many there are; 0: not known.
  Progress(bool show, uint64_t all) : show_(show), all_(all) {}
  void count(bool ok);  // any thread
  void end();           // clears the line

 private:
  using Clock = std::chrono::steady_clock;
  const bool show_;
  const uint64_t all_;
  std::mutex mutex_;
  uint64_t items_ = 0, failed_ = 0;
  Clock::time_point begin_ = Clock::now(), drawn_;
};

}  // namespace command
