// "1200 of 5000 items, 340/s, 11 s left, 3 failed" on standard error, redrawn a few times a second where it is a terminal,
// after half a second. Of what takes longer a second "0.2/s", of what takes long "14 min left", "3 h left".
// What was drawn once ends as "5000 items in 14.7 s, 340/s, 3 failed", which stays; a dumb terminal gets
// that line alone.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>

#include "view.h"

namespace command {

class Progress {
 public:
  explicit Progress(bool show) : show_(show) {}
  // The first item may come. all: how many will; 0: not known.
  void start(uint64_t all) {
    begin_ = Clock::now();
    all_ = all;
  }
  void count(bool ok);  // any thread
  void erase();         // before something else is written on that terminal; any thread
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(bool ended) const;

  const bool show_, redrawn_ = !is_dumb_terminal();
  std::mutex mutex_;
  uint64_t all_ = 0, items_ = 0, failed_ = 0;
  bool on_line_ = false;  // the cursor stands behind what was drawn
  Clock::time_point begin_ = Clock::now(), drawn_;
};

}  // namespace command
