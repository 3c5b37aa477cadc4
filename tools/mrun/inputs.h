// The inputs of a run, one after the other, without holding them all: from arguments, folders, lists, lines.
#pragma once
#include <map>
#include <memory>
#include <mrun/mrun.hpp>
#include <optional>
#include <string>
#include <vector>

#include "arguments.h"
#include "lines.h"
#include "view.h"

namespace command {

struct InputOptions {
  std::vector<std::string> inputs;  // INPUT…
  std::string lines, jsonl, paths;  // files, "-" for standard input; empty: not given
  bool describe = false;            // for --meta
  std::string memory;               // of an item, as --memory has it: no line may be longer
};

void add_input_options(CommandLine &, InputOptions &);

// One input: its value, or why it could not be read.
struct Input {
  mrun::variant value;
  std::string name;         // the file, fit for a message; empty where the input is none
  std::string description;  // JSON (meta.h), where it was asked for and could be read
  std::optional<mrun::failure> error;
};

class Inputs {
 public:
  // Throws MRUN_USAGE where the options do not go together or nothing was given.
  Inputs(const InputOptions &, const mrun::bundle &);
  std::optional<Input> next();
  bool skip();  // the next one, unread; false: there is none
  // All of them are there: no pipe that may stay open.
  bool complete() const { return lines_ == nullptr || lines_->complete(); }
  std::optional<uint64_t> count() const;  // how many, where that is known without reading them
  // Whether a file is one that they are read from, as far as that is known without reading a list.
  bool come_from(const std::string &path) const;
  std::string identity() const;  // a digest of the list; empty where it is not complete
  // Exactly one input was given as such: its answer may be printed for a person.
  bool single() const { return single_; }

 private:
  enum class From { arguments, lines, jsonl, paths, record };
  Input read(const std::string &argument) const;
  Input read_path(const std::string &path) const;
  Input read_record(const std::vector<std::string> &fields) const;
  Input read_record_of_paths(const std::string &json) const;
  Input of_line(const std::string &line) const;
  mrun::variant json_of_line(const std::string &line) const;
  std::string place() const;
  void add_argument(const std::string &);

  // A value and its description, of an argument as a person writes it or of a path.
  void take(Input &, const char *field, const std::string &argument, bool path) const;
  std::string file_of(const std::string &argument) const;
  void take_field(Input &, const std::string &field, const View &given) const;
  void take_stdin(Input &, const char *field) const;
  std::string kind_of(const std::string &field) const;

  const mrun::bundle &bundle_;
  const bool describe_;
  const std::string kind_;
  const std::map<std::string, std::string> fields_;  // kinds of a record's, by name
  From from_ = From::arguments;
  std::vector<std::string> arguments_;  // paths, texts or NAME=VALUE
  std::vector<bool> is_path_;           // found by walking a folder
  std::string list_;                    // the file of --lines, --jsonl or --paths
  size_t next_ = 0;                     // how many were given or left out
  std::unique_ptr<Lines> lines_;
  bool single_ = false;
};

// The one input that arguments give, for `record`. Throws.
mrun::variant read_one_input(const std::vector<std::string> &arguments, const mrun::bundle &);

}  // namespace command
