#pragma once
#include <mrun/mrun.hpp>

namespace command {
// A table on standard error, milliseconds. unread: inputs that could not be read, and so did not come to the engine.
void print_timings(const mrun::engine &, uint64_t unread);
}  // namespace command
