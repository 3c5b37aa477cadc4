#include "exec/session.h"

#include <unistd.h>

#include "base/error.h"

namespace mrun {

void want_starter(int started, const char *what) {
  if (started == ::getpid()) return;
  fail(MRUN_USAGE, "{}: this process was forked after the engine was started: start one in the child", what);
}

}  // namespace mrun
