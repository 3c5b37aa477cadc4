#include "isolate/lockdown/system_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace mrun {
namespace {

using Calls = std::vector<SystemCall>;
constexpr uint32_t allow = SECCOMP_RET_ALLOW, kill = SECCOMP_RET_KILL_PROCESS;

#define CALL(name) SYS_##name, #name

Calls memory_calls(const CodeProfile &code) {
  constexpr uint32_t writable_code = PROT_WRITE | PROT_EXEC;
  Calls calls{{CALL(brk), "malloc"},
              {CALL(munmap), "malloc, mappings"},
              {CALL(mremap), "realloc"},
              {CALL(madvise), "malloc gives pages back"}};
  SystemCall map{CALL(mmap), "malloc, mappings of the bundle and of shared memory; no code that can be written"};
  SystemCall protect{CALL(mprotect), "malloc's arenas, stacks' guards; code only where a plugin makes some"};
  map.argument = protect.argument = 2;
  map.mask = code.in_place ? 0 : code.protect ? writable_code : PROT_EXEC;
  map.values = code.in_place  ? std::vector<uint32_t>{0}
               : code.protect ? std::vector<uint32_t>{0, PROT_WRITE, PROT_EXEC}
                              : std::vector<uint32_t>{0};
  protect.mask = code.protect || code.in_place ? 0 : PROT_EXEC;
  protect.values = {0};
  calls.push_back(map);
  calls.push_back(protect);
  return calls;
}

Calls thread_calls() {
  constexpr uint32_t thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
  Calls calls{{CALL(futex), "locks"},
              {CALL(set_robust_list), "a thread begins"},
              {CALL(exit), "a thread ends"},
              {CALL(exit_group), "the worker ends"},
              {CALL(sched_yield), "operator threads wait"},
              {CALL(sched_getaffinity), "how many cores there are"},
              {CALL(gettid), "a thread's number"},
              {CALL(getpid), "the process's number"},
              {CALL(nanosleep), "waiting"},
              {CALL(clock_nanosleep), "waiting"},
              {CALL(membarrier), "locks"},
              {CALL(clone3), "clone is asked instead, whose arguments can be looked at", refused(ENOSYS)},
              {CALL(clone), "threads; no processes", allow, 0, thread, {thread}},
              {CALL(prctl), "a thread's name", allow, 0, UINT32_MAX, {PR_SET_NAME}},
              {CALL(sched_setaffinity), "asked in vain", refused(EPERM)},
              {CALL(sched_setscheduler), "asked in vain", refused(EPERM)}};
#ifdef SYS_rseq
  calls.push_back({CALL(rseq), "a thread begins"});
#endif
#ifdef SYS_set_mempolicy
  calls.push_back({CALL(set_mempolicy), "asked in vain", refused(EPERM)});
  calls.push_back({CALL(get_mempolicy), "asked in vain", refused(EPERM)});
  calls.push_back({CALL(mbind), "asked in vain", refused(EPERM)});
#endif
#ifdef SYS_arch_prctl
  constexpr uint32_t supported = 0x1021, get_permission = 0x1022, ask_permission = 0x1023;
  calls.push_back({CALL(arch_prctl),
                   "the processor's tile registers: oneDNN",
                   allow,
                   0,
                   UINT32_MAX,
                   {supported, get_permission, ask_permission}});
#endif
  return calls;
}

Calls signal_calls() {
  const auto self = static_cast<uint32_t>(::getpid());
  return {{CALL(rt_sigreturn), "a handler returns"},
          {CALL(rt_sigaction), "handlers of libraries"},
          {CALL(rt_sigprocmask), "a thread begins, abort()"},
          {CALL(sigaltstack), "handlers of libraries"},
          {CALL(restart_syscall), "a wait goes on"},
          {CALL(tgkill), "abort(); no other process", allow, 0, UINT32_MAX, {self}}};
}

Calls descriptor_calls() {
  return {{CALL(read), "of what is open"},
          {CALL(write), "of what is open"},
          {CALL(readv), "of what is open"},
          {CALL(writev), "of what is open"},
          {CALL(pread64), "the bundle"},
          {CALL(lseek), "the bundle"},
          {CALL(fstat), "the bundle"},
          {CALL(fadvise64), "the bundle"},
          {CALL(close), "descriptors"},
          {CALL(fcntl), "descriptors", allow, 1, UINT32_MAX, {F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_GET_SEALS}},
          {CALL(recvmsg), "the parent's messages"},
          {CALL(sendmsg), "messages to the parent"},
          {CALL(shutdown), "the channel"},
          {CALL(ppoll), "the channel"},
#ifdef SYS_poll
          {CALL(poll), "the channel"},
#endif
          {CALL(ioctl), "whether this is a terminal", refused(ENOTTY)}};
}

Calls clock_calls() {
  return {{CALL(clock_gettime), "time"},
          {CALL(clock_getres), "time"},
          {CALL(gettimeofday), "time"},
#ifdef SYS_time
          {CALL(time), "time"},
#endif
          {CALL(getrandom), "hash tables"},
          {CALL(getrusage), "statistics"},
          {CALL(sysinfo), "how much memory there is"},
          {CALL(uname), "which machine this is"},
          {CALL(getcpu), "malloc's arenas"},
          {CALL(getuid), "libraries"},
          {CALL(geteuid), "libraries"},
          {CALL(getgid), "libraries"},
          {CALL(getegid), "libraries"},
          {CALL(prlimit64), "a limit of its own is asked", allow, 0, UINT32_MAX, {0}}};
}

// Libraries look for files that may not be there: profilers, the processor's description. They are told no; who wants
// to write or make one is no library.
Calls file_calls(const CodeProfile &code) {
  constexpr uint32_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
  const uint32_t no = refused(EPERM);
  Calls calls{{CALL(openat), "looked for in vain", no, 2, writing, {O_RDONLY}},
              {CALL(newfstatat), "of what is open; else looked for in vain", allow, 3, UINT32_MAX, {AT_EMPTY_PATH}, no},
              {CALL(readlinkat), "looked for in vain", no},
              {CALL(faccessat), "looked for in vain", no},
              {CALL(faccessat2), "looked for in vain", no},
              {CALL(statx), "looked for in vain", no},
#ifdef SYS_stat
              {CALL(stat), "looked for in vain", no},
              {CALL(access), "looked for in vain", no},
              {CALL(readlink), "looked for in vain", no},
#endif
              {CALL(getcwd), "looked for in vain", no}};
#ifdef SYS_open
  if (code.old_open) calls.push_back({CALL(open), "looked for in vain", no, 1, writing, {O_RDONLY}});
#endif
  return calls;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// In a build that looks for faults, and in no other.
Calls sanitizer_calls() { return {{CALL(pipe2), "whether memory can be read: written into a pipe"}}; }
#else
Calls sanitizer_calls() { return {}; }
#endif

#undef CALL

}  // namespace

std::vector<SystemCall> system_calls(const CodeProfile &code) {
  Calls all;
  for (Calls part : {memory_calls(code), thread_calls(), signal_calls(), descriptor_calls(), clock_calls(),
                     file_calls(code), sanitizer_calls()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace mrun
