// What the frames between mrun and its worker hold. Each pair writes and reads one; reading checks everything and throws
// PROTOCOL.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "exec/options.h"
#include "isolate/channel.h"
#include "isolate/lockdown/lockdown.h"

namespace mrun {

inline constexpr size_t beside_from = size_t{1} << 20;  // tensors of so many bytes travel in shared memory

// prepare: what the host chose, before anything of the bundle is there.
struct Preparation {
  std::vector<std::filesystem::path> folders;  // of plugins
  std::vector<std::string> plugins;            // by name, from the folders
  bool all_needed = false;                     // a plugin that cannot be loaded is an error now
  std::vector<std::string> files;              // plugins by their file
  LockdownOptions lockdown;
};
std::string encode(const Preparation &);
Preparation decode_preparation(WireReader);

// locked: what holds the worker, and what is loaded in it.
struct Locked {
  std::map<std::string, std::string> levels, plugins, libraries;
};
std::string encode(const Locked &);
Locked decode_locked(WireReader);

// open: the bundle, whose files have come as descriptors, and how it is to run.
struct Opening {
  std::string name, revision;        // of a .mb file
  std::vector<std::string> entries;  // of a folder; empty: a .mb file
  EngineOptions options;
  bool log = false, trace = false;  // are wanted
};
std::string encode(const Opening &);
Opening decode_opening(WireReader);

// run, submit. Beside the message: large tensors.
struct SentWork {
  Work work;
  bool emit = false, observe = false;  // are wanted
};
void encode(WireWriter &, const Work &);
SentWork decode_work(WireReader);

void encode(WireWriter &, const Result &);
Result decode_result(WireReader);

// The result of `run`. What was said of its item by the other channel lies among the first `behind` frames there.
struct Answer {
  uint64_t behind = 0;
  Result result;
};
void encode(WireWriter &, uint64_t behind, const Result &);
Answer decode_answer(WireReader);

}  // namespace mrun
