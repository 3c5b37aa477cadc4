#include "isolate/lockdown/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/file.h"

namespace mrun {
namespace {

// The kernel's own numbers: headers of a distribution are older than its kernels.
constexpr long create_ruleset = 444, restrict_self = 446;
constexpr uint32_t version_flag = 1, all_threads_flag = 1u << 3;
constexpr int all_threads_level = 8;

struct Ruleset {
  uint64_t files, network, scoped;
};
constexpr uint64_t bits(int n) { return (uint64_t{1} << n) - 1; }

// What each level can refuse: all of it is.
Ruleset everything(int level) {
  Ruleset all{};
  all.files = bits(level >= 5 ? 16 : level >= 3 ? 15 : level >= 2 ? 14 : 13);
  all.network = level >= 4 ? bits(2) : 0;  // bind, connect
  all.scoped = level >= 6 ? bits(2) : 0;   // abstract UNIX sockets, signals
  return all;
}

// Of the struct, what a kernel of that level knows.
size_t size_of(int level) {
  return level >= 6 ? sizeof(Ruleset) : level >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

}  // namespace

Landlock restrict_by_landlock(bool all_threads) {
  const long level = ::syscall(create_ruleset, nullptr, 0, version_flag);
  if (level < 1) return {0, strerror(errno)};
  Landlock done{static_cast<int>(level), ""};
  if (all_threads && level < all_threads_level) {
    done.error =
        "a plugin started threads while it was loaded, and level " + std::to_string(level) + " does not reach them";
    return done;
  }
  const Ruleset all = everything(done.level);
  const UniqueFd rules(static_cast<int>(::syscall(create_ruleset, &all, size_of(done.level), 0)));
  const uint32_t flags = level >= all_threads_level ? all_threads_flag : 0;
  if (!rules || ::syscall(restrict_self, rules.get(), flags) != 0) done.error = strerror(errno);
  return done;
}

}  // namespace mrun
