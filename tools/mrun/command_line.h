// What a subcommand takes: its options and arguments. CLI11 reads them. Its headers take longer to compile than most files
// of the command: whoever adds an option sees this alone, and arguments.cpp and describe.cpp see the rest.
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

  std::vector<std::string> options() const;        // "--output", "FILE", in the order of the help
  bool is_given(const std::string &option) const;  // once it has been read
  CLI::App &cli() { return *app_; }
  const CLI::App &cli() const { return *app_; }

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace command
