#include "isolate/lockdown/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "isolate/lockdown/system_calls.h"

namespace mrun {
namespace {

#if defined(__x86_64__)
constexpr uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "the filter of system calls does not know this processor"
#endif

using Program = std::vector<sock_filter>;

void load_word(Program &p, size_t offset) {
  p.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
}
void give(Program &p, uint32_t verdict) { p.push_back(BPF_STMT(BPF_RET | BPF_K, verdict)); }
// Where the loaded value is not `value`, the next `n` instructions are left out: 255 at the most, far more than a call has.
void skip_unless(Program &p, uint32_t value, uint8_t n) {
  p.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n));
}

// Both processors are little-endian: the lower half of an argument comes first.
size_t lower_half(int argument) {
  return offsetof(seccomp_data, args) + static_cast<size_t>(argument) * sizeof(uint64_t);
}

void judge(Program &p, const SystemCall &call) {
  if (call.argument < 0) return give(p, call.verdict);
  load_word(p, lower_half(call.argument));
  p.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call.mask));
  for (const uint32_t value : call.values) {
    skip_unless(p, value, 1);
    give(p, call.verdict);
  }
  give(p, call.otherwise);
}

Program program_of(const std::vector<SystemCall> &calls) {
  Program p;
  load_word(p, offsetof(seccomp_data, arch));
  skip_unless(p, architecture, 1);
  p.push_back(BPF_STMT(BPF_JMP | BPF_JA, 1));
  give(p, SECCOMP_RET_KILL_PROCESS);
  load_word(p, offsetof(seccomp_data, nr));  // numbers of x32, from 2^30 on, are in no list
  for (const SystemCall &call : calls) {
    Program verdict;
    judge(verdict, call);
    skip_unless(p, static_cast<uint32_t>(call.number), static_cast<uint8_t>(verdict.size()));
    p.insert(p.end(), verdict.begin(), verdict.end());
  }
  give(p, SECCOMP_RET_KILL_PROCESS);
  return p;
}

}  // namespace

Filtered filter_system_calls(const CodeProfile &code) {
  const std::vector<SystemCall> calls = system_calls(code);
  Program program = program_of(calls);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0) {
    return {0, strerror(errno)};
  }
  const auto allowed =
      std::count_if(calls.begin(), calls.end(), [](const SystemCall &c) { return c.verdict == SECCOMP_RET_ALLOW; });
  return {static_cast<size_t>(allowed), ""};
}

}  // namespace mrun
