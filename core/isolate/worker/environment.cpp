#include "isolate/worker/environment.h"

#include <unistd.h>

#include <cstring>

namespace mrun {

// The texts themselves, too: they stay in this process's memory, which code that breaks out of a sandbox can read.
void forget_environment() {
  char **kept = environ;
  for (char **e = environ; *e != nullptr; ++e) {
    if (tunes_arithmetic(*e)) {
      *kept++ = *e;
    } else {
      std::memset(*e, 0, std::strlen(*e));
    }
  }
  *kept = nullptr;
}

}  // namespace mrun
