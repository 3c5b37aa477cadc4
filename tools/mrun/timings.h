#pragma once
#include <mrun/mrun.hpp>

namespace command {
void print_timings(const mrun::engine &);  // a table on standard error, milliseconds
}
