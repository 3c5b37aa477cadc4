#pragma once
#include <functional>

namespace decode {

// Called at least every millisecond or so; may throw to end the work.
using Poll = std::function<void()>;

}  // namespace decode
