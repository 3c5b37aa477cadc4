// Descriptors that others may write to stay apart from 0, 1 and 2: where a host has closed these, the next that is opened gets
// their number, and what anybody prints goes there.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/file.h"

namespace mrun {

// The same under a higher number; none, with errno, where it is none or no number is left.
inline UniqueFd apart(UniqueFd fd) {
  if (!fd || fd.get() > STDERR_FILENO) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace mrun
