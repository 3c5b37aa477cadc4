// A commit that is killed at any of its system calls leaves the old file or the new one, whole.
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>

#include "bundle/commit.h"
#include "bundle/history.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// Runs the commit in a child and kills it when one of its threads enters or leaves a system call for the n-th time.
// False: it ended first.
bool killed_at(int n, const fs::path &path, const Contents &contents) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    try {
      commit_revision(path, contents, {});
    } catch (...) { ::_exit(1); }
    ::_exit(0);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0);
  ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
  for (int calls = 1;;) {
    const pid_t stopped = ::waitpid(-1, &status, __WALL);
    if (stopped == child && !WIFSTOPPED(status)) break;
    if (stopped < 0 || !WIFSTOPPED(status)) continue;  // a thread's end
    if (calls++ == n) {
      ::kill(child, SIGKILL);
      while (::waitpid(-1, &status, __WALL) > 0) {}
      return true;
    }
    ::ptrace(PTRACE_SYSCALL, stopped, nullptr, nullptr);
  }
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return false;
}

}  // namespace

TEST_CASE("commit: killed at each system call, the file is the old or the new one") {
  const TemporaryFolder folder;
  const fs::path path = folder / "x.mb";
  write_bundle(path, sample(), {});
  const std::string before = read_text(path);
  Contents contents = sample();
  contents["preprocess.lua"] = std::string("return 2");
  commit_revision(path, contents, {});
  const std::string after = read_text(path);
  int old_files = 0, new_files = 0;
  bool killed = true;
  for (int n = 1; killed; ++n) {
    write_text(path, before);
    killed = killed_at(n, path, contents);
    const std::string now = read_text(path);
    if (now != before && now != after)
      FAIL("after system call " << n << " the file is neither the old nor the new one");
    ++(now == before ? old_files : new_files);
    // What a killed process left beside the file does not disturb the next commit.
    if (now == before && n % 16 == 0) {
      commit_revision(path, contents, {});
      CHECK(read_text(path) == after);
    }
    for (const auto &entry : fs::directory_iterator(folder.path)) {
      if (entry.path() != path) fs::remove(entry.path());
    }
  }
  CHECK(old_files > 10);
  CHECK(new_files >= 1);
}
