// The command line of a subcommand: its options and arguments; read, explained, run. CLI11 reads it. Its headers take longer to
// compile than most files of the command, and are arguments.cpp's alone.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace command {

// One option or argument, as data.
struct Choice {
  std::vector<std::string> names;  // "-o", "--output"; of an argument without a dash its one name
  std::string value;               // what follows it: "FILE", "process|none"; empty for a flag
  std::string text;                // what --help says of it
  bool positional = false, repeatable = false;
  bool takes_path() const { return value == "FILE" || value == "DIR" || value == "F"; }
  std::vector<std::string> values() const;  // "process", "none"; empty where it may be anything
};

// Of a value as it was given: a sentence that says what is wanted, and what came; "": it is good.
using Check = std::function<std::string(const std::string &given)>;

// Of a CommandLine, which it must not outlive.
class Option {
 public:
  explicit Option(CLI::Option *option) : option_(option) {}
  Option required();
  Option type_name(const std::string &);  // of its value, in the help: FILE, or what may be given, as a|b
  Option one_at_a_time();                 // each time that it is given it takes one value
  Option environment(const char *name);   // a variable that gives it where the command line does not
  Option check(Check);
  Option needs(const Option &);
  Option excludes(const Option &);

 private:
  CLI::Option *option_;
};

class CommandLine {
 public:
  explicit CommandLine(const std::string &description = "", const std::string &name = "");
  ~CommandLine();
  CommandLine(const CommandLine &) = delete;
  CommandLine &operator=(const CommandLine &) = delete;

  // names: "-o,--output", or "FILE" of an argument. value, which must outlive this, stays as it is where none is given.
  Option add_option(const std::string &names, std::string &value, const std::string &help);
  Option add_option(const std::string &names, std::vector<std::string> &values, const std::string &help);
  Option add_option(const std::string &names, int &value, const std::string &help);
  Option add_option(const std::string &names, uint64_t &value, const std::string &help);
  Option add_option(const std::string &names, double &value, const std::string &help);
  Option add_flag(const std::string &names, bool &value, const std::string &help);

  std::vector<std::string> options() const;        // "--help", "--output", "FILE", as they were added
  bool is_given(const std::string &option) const;  // once it has been read
  std::string text() const;                        // what it is for
  std::vector<Choice> choices() const;             // what its help lists
  CLI::App &cli() { return *app_; }

 private:
  std::unique_ptr<CLI::App> app_;
};

// Parses argv (without the command's name) and calls `run`; usage errors and failures are reported.
int parse_and_run(CommandLine &, std::vector<std::string> args, const std::function<int()> &run);
// Checks of an option's value: it is a number of that range.
Check whole_number(uint64_t lowest, uint64_t highest);
Check number(double lowest, double highest);
Check seconds();  // above 0, or -1: no limit
// A help for the terminal's width, 80 columns at most: what is longer goes on below, at `column` where it begins with
// blanks.
std::string fitted_help(const std::string &help, size_t column);
// Until it is called with nothing, parse_and_run hands its command line to `f` and does nothing else.
void describe_apps(std::function<void(const CommandLine &)> f);
}  // namespace command
