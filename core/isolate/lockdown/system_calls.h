// What a worker may ask of the kernel, each with the reason. seccomp.cpp makes the filter of it.
#pragma once
#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

#include "isolate/lockdown/lockdown.h"

namespace mrun {

constexpr uint32_t refused(uint32_t error) { return SECCOMP_RET_ERRNO | error; }

struct SystemCall {
  long number;
  const char *name, *reason;
  uint32_t verdict = SECCOMP_RET_ALLOW;  // where no argument is looked at, or it is one of `values`
  // Where `argument` is not -1: its lower 32 bits & mask are compared.
  int argument = -1;
  uint32_t mask = UINT32_MAX;
  std::vector<uint32_t> values = {};
  uint32_t otherwise = SECCOMP_RET_KILL_PROCESS;
};

std::vector<SystemCall> system_calls(const CodeProfile &);

}  // namespace mrun
