// The end of the process by exit, or by main's return, which has the destructors of libraries run while threads still use
// them.
#pragma once
#include <chrono>
#include <functional>

namespace mrun {

// What is done then, in front of the destructors of every library that the core has loaded, but behind those of what was made
// on first use since: a plugin's tables of that kind are never destroyed. Of a fork's copy nothing is done.
class AtProcessEnd {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // begin: of all such, one behind the other; then wait of all, until one moment that they share. They throw nothing.
  AtProcessEnd(std::function<void()> begin, std::function<void(Time)> wait);
  ~AtProcessEnd();
  AtProcessEnd(const AtProcessEnd &) = delete;
  AtProcessEnd &operator=(const AtProcessEnd &) = delete;

 private:
  friend void end_process();
  const std::function<void()> begin_;
  const std::function<void(Time)> wait_;
  const int process_;
};

void note_loaded_library();  // the C library calls first what is registered last, so this must be registered anew
bool process_ends();
bool ends_process();  // this thread does

}  // namespace mrun
