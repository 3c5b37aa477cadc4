// What the subcommands share. The command knows mrun.h and nothing else of the core.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <mrun/mrun.hpp>
#include <optional>
#include <string>
#include <vector>

namespace command {

// Exit statuses, as the help states them.
enum Exit { ok = 0, some_failed = 1, bad_usage = 2, refused = 3, not_verified = 4, no_output = 5, interrupted = 130 };

// The exit status of a failure that ends the whole command.
int exit_of(int code);
// "mrun: message" on standard error; returns the exit status.
int report(const mrun::failure &);
int report(int code, const std::string &message);
// Parses argv (without the command's name) and calls `run`; usage errors and failures are reported.
int parse_and_run(CLI::App &, std::vector<std::string> args, const std::function<int()> &run);

struct BundleName {
  std::string path, revision;
};
// "model.mb@2": an existing path wins over @REV.
BundleName split_revision(const std::string &);
mrun::bundle open_bundle(const std::string &name);

// {"error": {"code", "stage", "message"}}
std::string error_json(int code, const std::string &stage, const std::string &message);
std::string error_json(const mrun_result &);

bool is_terminal(int fd);
std::string read_file(const std::string &path);  // "-": standard input. Throws mrun::failure
// Writes all of it to standard output; throws MRUN_IO.
void print(std::string_view);
// What `--plugin FILE` and `--param K=V` give, for every subcommand that runs a bundle.
struct RunOptions {
  std::vector<std::string> plugins, params;
  std::string device = "cpu", isolation = "none", memory, log_level = "warn";
  uint64_t seed = 0;
  int workers = 0, threads = 0;
  double timeout = 0;
  void add_to(CLI::App &);
  void add_limits_to(CLI::App &);  // only what bounds a run and does not change its answer
  void load_plugins() const;
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
uint64_t parse_size(const std::string &);  // "512M", "2G", "1048576"

// The subcommands: args are what follows the name. Each returns the exit status.
int run(std::vector<std::string> args);
int make_new(std::vector<std::string> args);
int pack(std::vector<std::string> args);
int unpack(std::vector<std::string> args);
int record(std::vector<std::string> args);
int verify(std::vector<std::string> args);
int rerun(std::vector<std::string> args);
int commit(std::vector<std::string> args);
int log(std::vector<std::string> args);
int diff(std::vector<std::string> args);
int inspect(std::vector<std::string> args);
int operations(std::vector<std::string> args);
int plugins(std::vector<std::string> args);
int bench(std::vector<std::string> args);

}  // namespace command
