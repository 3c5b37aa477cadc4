#include "standard_output.h"

#include <fcntl.h>
#include <unistd.h>

namespace command {
namespace {

int kept = STDOUT_FILENO;

}  // namespace

void keep_standard_output() {
  const int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (own < 0) return;  // it is closed: who writes an answer is told so
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
  }
  kept = own;
}

int answers_fd() { return kept; }

std::FILE *answers_file() {
  static std::FILE *const file = fdopen(kept, "w");
  return file != nullptr ? file : stdout;
}

}  // namespace command
