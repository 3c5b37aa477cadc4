#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "catch.h"

using namespace mrun;

namespace {

// What f writes to standard error.
std::string errors_of(const std::function<void()> &f) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd in(ends[0]), out(ends[1]);
  const UniqueFd saved(::dup(STDERR_FILENO));
  ::dup2(out.get(), STDERR_FILENO);
  f();
  ::dup2(saved.get(), STDERR_FILENO);
  out.reset();
  return read_all(in.get(), "pipe");
}

}  // namespace

TEST_CASE("log: lines from the level on, one line each, on standard error") {
  const std::string text = errors_of([] {
    log(LogLevel::info, "not yet");
    log(LogLevel::warn, "careful\n\x1b[31m");
    set_log_level(LogLevel::debug);
    log(LogLevel::debug, "detail {}");
    set_log_level(LogLevel::error);
    log(LogLevel::warn, "no more");
    set_log_level(LogLevel::warn);
  });
  CHECK(text == "mrun: warn: careful\\n\\x1b[31m\nmrun: debug: detail {}\n");
}

TEST_CASE("log: levels by name") {
  CHECK(log_level_of("debug") == LogLevel::debug);
  CHECK(log_level_of("error") == LogLevel::error);
  try {
    log_level_of("wran");
    FAIL();
  } catch (const Error &e) {
    CHECK(e.code == MRUN_USAGE);
    CHECK(e.message == "'wran' is no log level; did you mean 'warn'?; want debug, info, warn or error");
  }
}
