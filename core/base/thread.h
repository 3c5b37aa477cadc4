// A thread that cannot be made (a container's or a user's limit) is an Error that says what it was for.
#pragma once
#include <system_error>
#include <thread>

#include "base/error.h"

namespace mrun {

// Runs f in a thread of its own. Throws MEMORY; nothing has run then.
template <class F>
std::thread start_thread(const char *what, F &&f) {
  try {
    return std::thread(std::forward<F>(f));
  } catch (const std::system_error &e) {
    fail(MRUN_MEMORY, "no thread could be started for {}: {} (a limit of processes or of the address space?)", what,
         e.code().message());
  }
}

}  // namespace mrun
