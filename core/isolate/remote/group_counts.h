// What several worker processes counted, as the statistics of one session.
#pragma once
#include <vector>

#include "value/value.h"

namespace mrun {

// items: Statistics::report of all that was answered here. members: what each one's session reports. held: answers that wait
// here for those before them. Of what a worker says nothing is believed: what is no number counts as 0.
Value counts_together(const Value &items, const std::vector<Value> &members, int64_t held);

}  // namespace mrun
