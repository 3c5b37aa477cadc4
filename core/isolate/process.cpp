#include "isolate/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/apart.h"
#include "base/own_file.h"
#include "isolate/worker/descriptors.h"
#include "isolate/worker/environment.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

constexpr int buffer_size = 1 << 20;  // of the channel, each way: results of many items, without a switch
constexpr std::chrono::milliseconds patience{20'000};  // for a worker that takes nothing in, or sends half a message
constexpr std::chrono::milliseconds farewell{2'000};   // for one that has closed its channel to end

// What the worker's libraries may know of this process's environment: how to compute, and where they lie (sanitizers: what
// they are told).
bool is_passed(std::string_view entry) {
  constexpr std::string_view others[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS="};
  return tunes_arithmetic(entry) ||
         std::any_of(std::begin(others), std::end(others), [&](auto p) { return entry.starts_with(p); });
}

std::vector<char *> environment() {
  std::vector<char *> kept;
  for (char **e = environ; e != nullptr && *e != nullptr; ++e) {
    if (is_passed(*e)) kept.push_back(*e);
  }
  kept.push_back(nullptr);
  return kept;
}

// A copy that is above the worker's own numbers, so that none is overwritten before it has been copied.
UniqueFd above(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, worker_descriptors));
  if (!copy) fail(MRUN_IO, "the worker process cannot be started: {}", strerror(errno));
  return copy;
}

// What posix_spawn is told. The calls fail for want of memory alone.
struct SpawnPlan {
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    // A session of its own: what a terminal sends to this process's group does not reach it.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan &) = delete;
  SpawnPlan &operator=(const SpawnPlan &) = delete;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::string how_it_ended(const siginfo_t &info) {
  if (info.si_code == CLD_EXITED) return fmt::format("ended with status {}", info.si_status);
  if (info.si_status == SIGSYS) return "did what no bundle may ask of the system, and was ended (SIGSYS)";
  return fmt::format("was ended by signal {} ({})", info.si_status, strsignal(info.si_status));
}

// The other end.
UniqueFd make_channel(std::unique_ptr<Channel> &channel) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail(MRUN_IO, "the worker process cannot be started: {}", strerror(errno));
  }
  for (const int fd : ends) { ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size); }
  UniqueFd theirs(ends[1]), ours = apart(UniqueFd(ends[0]));
  if (!ours) fail(MRUN_IO, "the worker process cannot be started: {}", strerror(errno));
  channel = std::make_unique<Channel>(std::move(ours), "the worker process");
  channel->set_patience(patience);
  return theirs;
}

}  // namespace

fs::path worker_path() {
  if (const char *given = ::secure_getenv("MRUN_WORKER"); given != nullptr && *given != 0) return given;
  const fs::path here = own_file().parent_path();
  std::error_code error;
  for (const char *place : {"mrun/mrun-worker", "mrun-worker", "../lib/mrun/mrun-worker"}) {
    const fs::path path = (here / place).lexically_normal();
    if (fs::is_regular_file(path, error)) return path;
  }
  fail(MRUN_MISSING,
       "there is no mrun-worker beside {}: install it, name it by MRUN_WORKER, or use isolation none for a bundle you "
       "trust (--isolation none; isolation of mrun_options)",
       here.string());
}

WorkerProcess::WorkerProcess() {
  const UniqueFd theirs = make_channel(channel_), their_items = make_channel(items_);
  start(theirs.get(), their_items.get());
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_.load(), 0)));
}

void WorkerProcess::start(int their_channel, int their_items) {
  const std::string path = worker_path().string();
  const UniqueFd channel = above(their_channel), items = above(their_items);
  const UniqueFd page = activity_.fd() < 0 ? UniqueFd() : above(activity_.fd());
  const SpawnPlan plan;
  auto *actions = const_cast<posix_spawn_file_actions_t *>(&plan.actions);
  // Standard error stays open until the lock-down: there the loader says why the worker cannot even begin.
  ::posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(actions, channel.get(), channel_descriptor);
  ::posix_spawn_file_actions_adddup2(actions, items.get(), items_descriptor);
  if (page) ::posix_spawn_file_actions_adddup2(actions, page.get(), activity_descriptor);
  ::posix_spawn_file_actions_addclosefrom_np(actions, worker_descriptors);
  char name[] = "mrun-worker";
  char *const arguments[] = {name, nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), actions, &plan.attributes, arguments, environment().data());
  if (error != 0) {
    fail(error == ENOENT ? MRUN_MISSING : MRUN_IO, "{}: the worker process cannot be started: {}", path,
         strerror(error));
  }
  pid_ = pid;
}

WorkerProcess::~WorkerProcess() {
  kill();
  end();
}

// By the pidfd where there is one: a number may be another process's as soon as end() has reaped this one.
void WorkerProcess::kill() noexcept {
  const pid_t pid = pid_;
  if (pid < 0) return;
  if (pidfd_) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  } else {
    ::kill(pid, SIGKILL);
  }
}

bool WorkerProcess::ends_by_itself() const {
  pollfd p{pidfd_.get(), POLLIN, 0};
  int ready = 0;
  do { ready = ::poll(&p, 1, static_cast<int>(farewell.count())); } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// One that has closed its channel may be about to say by its status why: it gets a moment before it is killed.
std::string WorkerProcess::end() {
  siginfo_t info{};
  if (pid_ >= 0 && !(pidfd_ && ends_by_itself())) kill();
  const pid_t pid = pid_.exchange(-1);
  if (pid < 0) return "has ended";
  int got = -1;
  do { got = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED); } while (got != 0 && errno == EINTR);
  return got == 0 ? how_it_ended(info) : "has ended";
}

}  // namespace mrun
