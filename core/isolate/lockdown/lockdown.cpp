#include "isolate/lockdown/lockdown.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "isolate/lockdown/landlock.h"
#include "isolate/lockdown/namespaces.h"
#include "isolate/lockdown/seccomp.h"

namespace mrun {
namespace {

constexpr rlim_t most_threads = 4096;  // of this user, where he is one of his own: a namespace's

[[noreturn]] void missing(const char *layer, const std::string &why) {
  fail(MRUN_USAGE,
       "the worker cannot be locked down: {}: {}; allow it on this machine (or in this container), or use isolation "
       "none "
       "for a bundle you trust (--isolation none; isolation of mrun_options)",
       layer, why);
}

// A limit that is lower already stays.
void limit(decltype(RLIMIT_CORE) what, rlim_t most, const char *name) {
  rlimit now{};
  if (::getrlimit(what, &now) == 0) most = std::min(most, now.rlim_cur);
  const rlimit wanted{most, most};
  if (::setrlimit(what, &wanted) != 0) missing("limits", fmt::format("{}: {}", name, strerror(errno)));
}

// Pages that are mapped now, in bytes.
uint64_t mapped_now() {
  const std::string statm = read_file("/proc/self/statm", MRUN_USAGE, 4096);
  return std::stoull(statm) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

size_t threads_now() {
  std::error_code error;
  size_t n = 0;
  for (std::filesystem::directory_iterator it("/proc/self/task", error), end; !error && it != end; it.increment(error))
    ++n;
  return n;
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) missing("capabilities", strerror(errno));
}

// What is printed by code that does not belong here has nobody to read it.
void silence_standard_streams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null) ::dup2(null.get(), fd);
  }
}

}  // namespace

void Lockdown::begin() {
  limit(RLIMIT_CORE, 0, "core files");
  limit(RLIMIT_NOFILE, options_.descriptors, "open files");
  limit(RLIMIT_MSGQUEUE, 0, "message queues");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) missing("no_new_privs", strerror(errno));
  levels_["no_new_privs"] = "yes";
  const std::string why = enter_namespaces();
  namespaces_ = why.empty();
  levels_["namespaces"] = namespaces_ ? "user mount network ipc uts" : "no: " + why;
  if (namespaces_) limit(RLIMIT_NPROC, most_threads, "threads");
}

// In this order: /proc and /dev/null are read while there are files; mounting wants the namespace's capabilities, and a process
// without Landlock; none of what is asked for here would pass the filter, which is the last.
void Lockdown::finish(const CodeProfile &code) {
  const size_t threads = threads_now();
  if (options_.address_space > 0) limit(RLIMIT_AS, mapped_now() + options_.address_space, "address space");
  silence_standard_streams();
  if (namespaces_) {
    const std::string why = enter_empty_root();
    levels_["root"] = why.empty() ? "empty" : "no: " + why;
    namespaces_ = why.empty();
  }
  const Landlock landlock = restrict_by_landlock(threads > 1);
  levels_["landlock"] = landlock.error.empty() ? std::to_string(landlock.level) : "no: " + landlock.error;
  if (!landlock.error.empty() && !namespaces_) {
    missing("Landlock and namespaces", fmt::format("{}; {}", landlock.error, levels_["namespaces"]));
  }
  limit(RLIMIT_FSIZE, 0, "file size");
  levels_["limits"] = fmt::format("core 0, file size 0, open files {}{}", options_.descriptors,
                                  options_.address_space > 0 ? ", address space" : "");
  drop_capabilities();
  levels_["capabilities"] = "none";
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no other process of this user may trace it or read its memory
  const Filtered filtered = filter_system_calls(code);
  if (!filtered.error.empty()) missing("seccomp", filtered.error);
  levels_["seccomp"] = fmt::format("{} system calls, every thread", filtered.allowed);
  levels_["code"] = code.in_place ? "in place" : code.protect ? "by mprotect" : "none";
}

}  // namespace mrun
