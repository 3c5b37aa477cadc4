// What an item ends with where its worker has not answered it. None of these throws: where there is no memory for the text,
// it is MEMORY, short enough to want none.
#pragma once
#include "exec/options.h"
#include "isolate/remote/worker.h"

namespace mrun {

Error out_of_memory() noexcept;
Result starved() noexcept;                                            // the same as a result; wants no memory
Result failed(const Error &, const char *stage = "engine") noexcept;  // stage: as on the worker's page
// waited: seconds since it was submitted; limit: of the session's items.
Result too_long(const Work &, double limit, double waited, const char *stage) noexcept;
// Why the input could not be sent; as in one process where the input is at fault.
Result unsent(const Value &input, const Error &) noexcept;
// How the worker ended, for which this waits: CRASH.
Error end_of(RemoteWorker &) noexcept;

}  // namespace mrun
