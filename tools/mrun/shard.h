// --shard I/N: every N-th item, item numbers staying those of the whole work, so that jobs split a list without talking.
#pragma once
#include <cstdint>
#include <string>

namespace command {

struct Shard {
  uint64_t index = 1, count = 1;  // index from 1
  bool has(uint64_t number) const { return number % count == index - 1; }
  uint64_t of(uint64_t all) const { return (all + count - index) / count; }  // how many of the first `all` it has
};

// "2/8"; "auto": what a scheduler says in the environment: Slurm's job arrays and tasks, or Kubernetes' indexed jobs with
// JOB_COMPLETIONS set beside their index. Empty: all of it.
// Throws MRUN_USAGE.
Shard parse_shard(const std::string &);

}  // namespace command
