// Options that several subcommands have, and how they reach a function of mrun.h.
#pragma once
#include <mrun/mrun.hpp>
#include <string>
#include <vector>

#include "arguments.h"

namespace command {

// The folders that MRUN_PLUGIN_PATH names: what is looked into before the install's plugins.
std::vector<std::string> plugin_path();

// What `--plugin FILE` and `--param K=V` give, for every subcommand that runs a bundle.
struct RunOptions {
  std::vector<std::string> plugins, params;
  std::string device = "cpu", isolation, memory, log_level = "warn";
  uint64_t seed = 0;
  int workers = 0, threads = 0, processes = 0, batch_size = 0;
  double timeout = 0, start_timeout = 0, max_delay = 0;  // seconds, seconds, milliseconds
  bool exact = false;
  void add_to(CommandLine &);
  void add_limits_to(CommandLine &);  // only what bounds a run and does not change its answer
  void load_plugins() const;
  void load_plugins_to_list() const;  // says also which folder of MRUN_PLUGIN_PATH is none
};
// RunOptions as mrun_options; keeps what they point to.
class EngineOptions {
 public:
  EngineOptions(const RunOptions &, const mrun::bundle &);
  mrun_options *get() { return &options_; }
  const mrun_options &c() const { return options_; }

 private:
  mrun_options options_{};
  std::string device_;
  int level_ = 2;
  mrun::variant params_;
};
// Options for a function of mrun.h that takes a map of them.
mrun::variant options_map(const std::vector<std::pair<std::string, bool>> &flags, const std::string &message = "");
// Says so where --device has nothing to act upon. (Whether there is such a device, an engine has seen.)
void warn_unused_device(const RunOptions &, const mrun::bundle &);
uint64_t parse_size(const std::string &);  // "512M", "2G", "1048576"

}  // namespace command
