// The end of the process by exit, or by main's return, which has the destructors of libraries run while threads still use
// them.
#pragma once
#include <functional>

namespace mrun {

// What is done then, in front of the destructors of every library that the core has loaded; of a fork's copy nothing is.
class AtProcessEnd {
 public:
  explicit AtProcessEnd(std::function<void()> what);  // throws nothing when called
  ~AtProcessEnd();
  AtProcessEnd(const AtProcessEnd &) = delete;
  AtProcessEnd &operator=(const AtProcessEnd &) = delete;

 private:
  friend void end_process();
  const std::function<void()> what_;
  const int process_;
};

void note_loaded_library();  // the C library calls first what is registered last, so this must be registered anew
bool process_ends();

}  // namespace mrun
