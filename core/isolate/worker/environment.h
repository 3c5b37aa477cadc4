// The worker's environment.
#pragma once

namespace mrun {

// Wipes all of it but what tunes the arithmetic, which libraries read as late as at their first operator.
void forget_environment();

}  // namespace mrun
