#include "shard.h"

#include <charconv>
#include <cstdlib>
#include <mrun/mrun.hpp>
#include <optional>

namespace command {
namespace {

[[noreturn]] void refuse(const std::string &text) {
  throw mrun::failure(MRUN_USAGE, "--shard " + text + ": want I/N with I from 1 to N, or auto");
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

// A variable's number; none where it is not set, or empty.
std::optional<uint64_t> variable(const char *name) {
  const char *text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const std::optional<uint64_t> n = number(text);
  if (!n) throw mrun::failure(MRUN_USAGE, std::string("--shard auto: ") + name + " is " + text + ": want a number");
  return n;
}

// Who says which of how many this is. `first`, `last`: what its first and last index are called.
struct Scheduler {
  const char *index, *count, *first, *last;
};
constexpr Scheduler schedulers[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX"},
    {"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", nullptr, nullptr},
    {"SLURM_PROCID", "SLURM_NTASKS", nullptr, nullptr}};

// Of an array with gaps (--array=1,3,7, or what failed of another) nobody says which of its tasks this is: with its index
// alone some would take what is no one's, and others nothing.
void want_no_gaps(const Scheduler &s, uint64_t first, uint64_t step, uint64_t count) {
  const std::optional<uint64_t> last = s.last == nullptr ? std::nullopt : variable(s.last);
  if (!last || step == 0 || (*last >= first && (*last - first) / step + 1 == count)) return;
  throw mrun::failure(MRUN_USAGE, std::string("--shard auto: ") + s.count + " is " + std::to_string(count) + ", but " +
                                      s.first + " to " + s.last + " is " + std::to_string(first) + " to " +
                                      std::to_string(*last) + ", an array with gaps: give --shard I/N");
}

Shard of_scheduler() {
  for (const Scheduler &s : schedulers) {
    const auto index = variable(s.index), count = variable(s.count);
    if (!index) continue;
    // To go on with another scheduler's, as a task's within the job, would give several jobs the same items.
    if (!count) {
      throw mrun::failure(MRUN_USAGE, std::string("--shard auto: ") + s.index + " is set, but not " + s.count +
                                          ", how many there are: give --shard I/N");
    }
    const uint64_t first = s.first == nullptr ? 0 : variable(s.first).value_or(0);
    const uint64_t step = s.first == nullptr ? 1 : variable("SLURM_ARRAY_TASK_STEP").value_or(1);
    want_no_gaps(s, first, step, *count);
    if (*index < first || step == 0 || (*index - first) / step >= *count) {
      throw mrun::failure(MRUN_USAGE,
                          std::string("--shard auto: ") + s.index + " and " + s.count + " do not fit together");
    }
    return {(*index - first) / step + 1, *count};
  }
  throw mrun::failure(
      MRUN_USAGE,
      "--shard auto: no scheduler says which shard this is: want SLURM_ARRAY_TASK_ID and "
      "SLURM_ARRAY_TASK_COUNT, JOB_COMPLETION_INDEX and JOB_COMPLETIONS, or SLURM_PROCID and SLURM_NTASKS");
}

}  // namespace

Shard parse_shard(const std::string &text) {
  if (text.empty()) return {};
  if (text == "auto") return of_scheduler();
  const size_t slash = text.find('/');
  if (slash == std::string::npos) refuse(text);
  const auto index = number(std::string_view(text).substr(0, slash)),
             count = number(std::string_view(text).substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count) refuse(text);
  return {*index, *count};
}

}  // namespace command
