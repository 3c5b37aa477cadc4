// What a fiber says to whoever drives it: where it stands, and which model it calls.
#pragma once
#include <string>
#include <vector>

#include "plugin/schema.h"

namespace mrun {

enum class FiberStatus { finished, waiting, preempted, failed };

struct ModelInfo {
  std::string name;             // "main"
  std::vector<Schema> methods;  // as the backend lists them; "forward" is what model(x) calls
};

// A call that a fiber waits for. Arguments are in the schema's order, defaults filled in.
struct ModelCall {
  size_t model = 0;   // in StateOptions::models
  size_t method = 0;  // in its methods
  std::vector<Value> args;
  bool rows = false;  // MRUN_AWAIT_ROWS
};

}  // namespace mrun
