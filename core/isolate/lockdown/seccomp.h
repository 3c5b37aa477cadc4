// The filter of system calls: a list of what a worker may ask of the kernel; anything else ends the process.
#pragma once
#include <string>

#include "isolate/lockdown/lockdown.h"

namespace mrun {

struct Filtered {
  size_t allowed = 0;  // system calls in the list
  std::string error;   // why not; empty: it holds on every thread
};
Filtered filter_system_calls(const CodeProfile &);

}  // namespace mrun
