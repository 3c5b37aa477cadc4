// Landlock (landlock(7)): the kernel refuses this process every file, TCP port, abstract socket and signal to others.
#pragma once
#include <string>

namespace mrun {

struct Landlock {
  int level = 0;      // the kernel's ABI
  std::string error;  // why not; empty: it holds
};

// No rule is added: nothing is allowed. What is open stays usable. all_threads: those that run already, too, which
// level 8 can; else the calling one and those that it starts.
Landlock restrict_by_landlock(bool all_threads);

}  // namespace mrun
