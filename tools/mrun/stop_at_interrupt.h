// While it lives an interrupt stops the engine: for who waits in mrun_run.
#pragma once
#include <mrun/mrun.hpp>
#include <thread>

#include "base/file.h"

namespace command {

class StopAtInterrupt {
 public:
  explicit StopAtInterrupt(mrun::engine &);
  ~StopAtInterrupt();
  StopAtInterrupt(const StopAtInterrupt &) = delete;
  StopAtInterrupt &operator=(const StopAtInterrupt &) = delete;

 private:
  mrun::UniqueFd over_;  // readable once nobody waits any more
  std::thread thread_;
};

}  // namespace command
