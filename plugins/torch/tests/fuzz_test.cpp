// Random calls of every ATen operator that a script can reach, in child processes: none may end its process, never
// return, or print. MRUN_FUZZ_CALLS and MRUN_FUZZ_SEED run more of them, or others.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "catch.h"
#include "random_call.h"
#include "support.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace {

using mrun::Value;

constexpr int64_t item_memory = int64_t{256} << 20;
constexpr int seconds_of_a_call = 10;  // of computing

uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<const mrun::OperationSet *> reachable() {
  mrun::Registry &registry = test::registry();
  std::vector<const mrun::OperationSet *> sets;
  for (const std::string &name : registry.names("aten.")) sets.push_back(&registry.require(name));
  return sets;
}

// What a child tells its parent, in memory that both see.
struct Progress {
  uint64_t at, accepted, printed_at;
  bool printed;
};

void limit_time() {
  const itimerval limit{{0, 0}, {seconds_of_a_call, 0}};
  ::setitimer(ITIMER_PROF, &limit, nullptr);  // SIGPROF ends the process
}

bool attempt(const test::RandomCall &c) {
  test::Call surroundings;
  surroundings.item.budget = std::make_shared<mrun::Budget>(item_memory);
  std::vector<mrun_value> args;
  for (const Value &v : c.args) args.push_back(v.c());
  const Value keywords = c.keywords.empty() ? Value() : Value::map(c.keywords);
  try {
    mrun::call_operation(*c.set, surroundings.raw, args, keywords.c());
    return true;
  } catch (const mrun::Error &) { return false; }
}

// What asks `new` for more than there is ends the process under AddressSanitizer; elsewhere it is caught.
constexpr int out_of_memory = 3;
void tell_out_of_memory() {
#ifdef __SANITIZE_ADDRESS__
  __asan_set_error_report_callback([](const char *report) {
    if (std::strstr(report, "out-of-memory") != nullptr) ::_exit(out_of_memory);
  });
#endif
}

[[noreturn]] void run_child(const std::vector<const mrun::OperationSet *> &sets, uint64_t seed, uint64_t end,
                            Progress &progress) {
  tell_out_of_memory();
  std::FILE *output = std::tmpfile();
  ::dup2(::fileno(output), STDOUT_FILENO);
  for (; progress.at < end; ++progress.at) {
    limit_time();
    if (attempt(test::random_call(sets, seed + progress.at))) ++progress.accepted;
    std::fflush(stdout);
    if (::lseek(STDOUT_FILENO, 0, SEEK_CUR) != 0) {
      progress.printed = true;
      ++progress.at;
      ::_exit(0);
    }
  }
  ::_exit(0);
}

std::string ending(int status) {
  if (!WIFSIGNALED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  return WTERMSIG(status) == SIGPROF ? "does not return" : ::strsignal(WTERMSIG(status));
}

}  // namespace

TEST_CASE("no call of an operator ends the process, hangs or prints", "[aten][fuzz]") {
  test::registry().plugin("torch");  // its namespace is known once it is loaded
  const auto sets = reachable();
  CHECK(sets.size() > 700);
  const uint64_t calls = setting("MRUN_FUZZ_CALLS", 6000), seed = setting("MRUN_FUZZ_SEED", 1) << 32;
  void *shared = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  Progress &progress = *static_cast<Progress *>(shared);
  while (progress.at < calls) {
    progress.printed = false;
    std::fflush(nullptr);  // what is buffered here is not the child's to print
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) run_child(sets, seed, calls, progress);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (status == 0 && !progress.printed) continue;
    if (!progress.printed) ++progress.at;  // it stopped there
    if (WIFEXITED(status) && WEXITSTATUS(status) == out_of_memory) continue;
    const std::string call = test::random_call(sets, seed + progress.at - 1).text();
    FAIL_CHECK((progress.printed ? "prints" : ending(status)) << ": " << call);
  }
  std::printf("%zu operators, %llu calls, %llu accepted\n", sets.size(), static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(progress.accepted));
  ::munmap(shared, sizeof(Progress));
}
