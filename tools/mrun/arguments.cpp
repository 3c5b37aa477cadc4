#include "arguments.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iomanip>
#include <limits>
#include <sstream>

#include "base/text.h"
#include "report.h"
#include "screen.h"

namespace command {
namespace {

// CLI11 takes "[1, 2]" apart where an option may have several values, unless something follows it.
constexpr char list_mark = '\x1f';

std::string as_given(std::string argument) {
  if (argument.starts_with('[') && argument.ends_with(std::string("]") + list_mark)) argument.pop_back();
  return argument;
}

// CLI11's help of a subcommand, as it is typed.
std::string help_of(const CLI::App &app) {
  constexpr size_t column = 30;  // CLI11's of explanations
  std::string help = app.help();
  if (const size_t usage = help.find("Usage: "); usage != std::string::npos) help.replace(usage, 7, "\nUsage: mrun ");
  return fitted_help(help, column);
}

// A script's unset variable: -C "$FOLDER", --shard "$SHARD". What may be empty is free text.
void refuse_empty(const CLI::App &app) {
  for (const CLI::Option *option : app.get_options()) {
    const std::string type = option->get_type_name(), name = option->get_name();
    const bool path = type == "FILE" || type == "DIR" || type == "F", text = type == "TEXT" || type == "MSG";
    if (!path && (text || name[0] != '-')) continue;
    for (const std::string &given : option->results()) {
      if (given.empty())
        throw mrun::failure(MRUN_USAGE, name + (path ? ": the path is empty" : ": the value is empty"));
    }
  }
}

// "-o=FILE", which CLI11 takes for "-o =FILE".
void refuse_equals(const CLI::App &app, const std::vector<std::string> &args) {
  for (const std::string &given : args) {
    if (given == "--") return;
    if (given.size() < 3 || given[0] != '-' || given[2] != '=') continue;
    for (const CLI::Option *option : app.get_options()) {
      if (!option->check_sname(given.substr(1, 1))) continue;
      throw mrun::failure(MRUN_USAGE, mrun::printable(given, 60) + ": want " + given.substr(0, 2) + " " +
                                          option->get_type_name() + ", or " + option->get_name() + "=" +
                                          option->get_type_name());
    }
  }
}

template <class T>
bool is_between(const std::string &text, T lowest, T highest) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= lowest && value <= highest;
}

std::string came(const std::string &given) { return given.empty() ? "nothing" : mrun::printable(given, 60); }

template <class T>
Check in_range(T lowest, T highest, const std::string &wanted) {
  return [=](const std::string &given) {
    return is_between(given, lowest, highest) ? std::string() : "want " + wanted + ", got " + came(given);
  };
}

// What other programs call what is an option here, or none.
std::string known_elsewhere(const std::string &name, const std::vector<std::string> &names) {
  struct Other {
    const char *words, *option, *advice;
  };
  constexpr Other others[] = {
      {" gpu cuda use-cuda use-gpu ", "device", "; it is --device cuda"},
      {" i in input input-file file ", "lines", "; an INPUT stands behind the BUNDLE, without an option"},
      {" v verbose debug quiet q ", "log-level", "; it is --log-level debug|info|warn|error"},
      {" j jobs num-workers parallel ", "workers", "; it is --workers N"},
      {" out outfile ", "output", "; it is -o FILE"},
      {" o output out d dir dest ", "directory", "; it is -C DIR"},
  };
  for (const Other &o : others) {
    const bool has = std::find(names.begin(), names.end(), o.option) != names.end();
    if (has && std::string_view(o.words).find(" " + name + " ") != std::string_view::npos) return o.advice;
  }
  return "";
}

// Of an option that there is not: "--ouput: no such option; did you mean '--output'?".
std::string no_option(const CLI::App &app, const std::string &given) {
  const std::string name = given.substr(0, given.find('='));
  std::vector<std::string> names{"help", "version"};
  for (const CLI::Option *option : app.get_options()) {
    for (const std::string &n : option->get_lnames()) names.push_back(n);
  }
  const std::string word = name.substr(std::min(name.find_first_not_of('-'), name.size()));  // all share the dashes
  if (word == "version") return "--version: stands alone: mrun --version";
  std::vector<std::string> meant = mrun::nearest(word, names);
  for (const std::string &n : names) {
    if (meant.empty() && n.starts_with(word + "-")) meant.push_back(n);
  }
  std::string advice = known_elsewhere(word, names);
  if (advice.empty() && !meant.empty()) {
    for (const std::string &n : meant) advice += (advice.empty() ? "; did you mean '--" : " or '--") + n + "'";
    advice += "?";
  }
  const bool params = std::find(names.begin(), names.end(), "param") != names.end();
  if (advice.empty() && params) {
    advice = "; a parameter is --param NAME=VALUE, an INPUT that begins with - comes behind --";
  }
  return mrun::printable(name, 60) + ": no such option" + advice;
}

// "-\x1b", "--\t": a name for older CLI11, which finds no such option, and an INPUT for newer.
void refuse_control(const CLI::App &app, const std::vector<std::string> &args) {
  for (const std::string &given : args) {
    if (given == "--") return;
    const size_t begin = given.starts_with("--") ? 2 : 1;
    if (!given.starts_with('-') || given.size() <= begin || given[begin] == '\n') continue;
    if (static_cast<unsigned char>(given[begin]) < ' ') throw mrun::failure(MRUN_USAGE, no_option(app, given));
  }
}

// Of a required one: what it is.
std::string missing(const CLI::App &app, const std::string &name) {
  for (const CLI::Option *option : app.get_options()) {
    if (option->get_name() != name) continue;
    const std::string type = name[0] == '-' ? " " + option->get_type_name() : "";
    return name + type + " is missing: " + option->get_description();
  }
  return name + " is missing";
}

// Of an argument that nothing takes: what would have been taken, and the option that it may have been meant for.
std::string too_many(const CLI::App &app, const std::string &extra) {
  std::string taken, advice;
  for (const CLI::Option *option : app.get_options()) {
    if (option->get_positional()) taken += (taken.empty() ? "" : " and ") + option->get_name();
    if (option->check_lname("kind")) advice = "; what it takes is said by --kind " + option->get_type_name();
    for (const char *output : {"output", "directory"}) {
      if (option->check_lname(output)) advice = "; --" + std::string(output) + " says where";
    }
  }
  return mrun::printable(extra, 60) + ": is one argument too many: " + app.get_name() + " takes " +
         (taken.empty() ? "none" : taken) + (advice.empty() ? "; what has blanks stands in quotes" : advice);
}

// What CLI11 says, in words that lead on.
std::string explained(const CLI::App &app, const CLI::ParseError &e) {
  const std::vector<std::string> extras = app.remaining();
  const auto option =
      std::find_if(extras.begin(), extras.end(), [](const auto &a) { return a.size() > 1 && a[0] == '-'; });
  if (option != extras.end() && *option != "--") return no_option(app, *option);
  if (!extras.empty()) return too_many(app, extras[0]);
  std::string why = e.what();
  std::erase(why, list_mark);
  if (const size_t required = why.find(" is required"); required != std::string::npos) {
    return missing(app, why.substr(0, required));
  }
  const size_t most = why.find(": At Most 1 required but received "), some = why.find(": 1 required "),
               missing = why.rfind(" missing");
  const std::string flag = "Could not convert: ";
  if (most != std::string::npos) return why.substr(0, most) + ": is given more than once";
  if (some != std::string::npos && missing > some) {
    return why.substr(0, some) + ": wants " + why.substr(some + 13, missing - some - 13) + " behind it";
  }
  if (why.starts_with(flag))
    return why.substr(flag.size(), why.find(' ', flag.size()) - flag.size()) + ": takes no value";
  return why;
}

Choice choice_of(const CLI::Option &option) {
  Choice c;
  c.positional = option.get_positional();
  c.repeatable = option.get_expected_max() > 1;
  c.text = option.get_description();
  if (c.positional) {
    c.names.push_back(option.get_name(true));
    return c;
  }
  for (const std::string &name : option.get_snames()) c.names.push_back("-" + name);
  for (const std::string &name : option.get_lnames()) c.names.push_back("--" + name);
  if (option.get_expected_max() == 0) return c;
  const std::string type = option.get_type_name();
  c.value = type.substr(0, type.find(':'));  // "INT:INT in [1 - 8]"
  return c;
}

std::function<void(const CommandLine &)> describe_to;

}  // namespace

std::vector<std::string> Choice::values() const {
  std::vector<std::string> out;
  if (value.find('|') == std::string::npos) return out;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find('|', begin), value.size());
    out.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::type_name(const std::string &name) {
  option_->type_name(name);
  return *this;
}

Option Option::one_at_a_time() {
  option_->allow_extra_args(false);
  return *this;
}

Option Option::environment(const char *name) {
  option_->envname(name);
  return *this;
}

Option Option::check(Check good) {
  option_->check(CLI::Validator([good = std::move(good)](std::string &given) { return good(given); }, ""));
  return *this;
}

Option Option::needs(const Option &other) {
  option_->needs(other.option_);
  return *this;
}

Option Option::excludes(const Option &other) {
  option_->excludes(other.option_);
  return *this;
}

CommandLine::CommandLine(const std::string &description, const std::string &name)
    : app_(std::make_unique<CLI::App>(description, name)) {}

CommandLine::~CommandLine() = default;

Option CommandLine::add_option(const std::string &names, std::string &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, std::vector<std::string> &values, const std::string &help) {
  return Option(app_->add_option(names, values, help));
}

Option CommandLine::add_option(const std::string &names, int &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, uint64_t &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_option(const std::string &names, double &value, const std::string &help) {
  return Option(app_->add_option(names, value, help));
}

Option CommandLine::add_flag(const std::string &names, bool &value, const std::string &help) {
  return Option(app_->add_flag(names, value, help));
}

std::vector<std::string> CommandLine::options() const {
  std::vector<std::string> names;
  for (const CLI::Option *option : std::as_const(*app_).get_options()) names.push_back(option->get_name());
  return names;
}

bool CommandLine::is_given(const std::string &option) const { return app_->get_option(option)->count() > 0; }

std::string CommandLine::text() const { return app_->get_description(); }

std::vector<Choice> CommandLine::choices() const {
  std::vector<Choice> choices;
  for (const CLI::Option *option : std::as_const(*app_).get_options()) {
    if (!option->get_group().empty()) choices.push_back(choice_of(*option));
  }
  return choices;
}

Check whole_number(uint64_t lowest, uint64_t highest) {
  return in_range(lowest, highest, "a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
}

Check number(double lowest, double highest) {
  std::ostringstream wanted;
  wanted << std::setprecision(10) << "a number from " << lowest << " to " << highest;
  return in_range(lowest, highest, wanted.str());
}

Check seconds() {
  constexpr double least = std::numeric_limits<double>::min(), most = std::numeric_limits<double>::max();
  return [](const std::string &given) {
    const bool good = is_between(given, least, most) || is_between(given, -1.0, -1.0);
    return good ? std::string() : "want a number of seconds above 0, or -1 for no limit, got " + came(given);
  };
}

void describe_apps(std::function<void(const CommandLine &)> f) { describe_to = std::move(f); }

std::string fitted_help(const std::string &help, size_t column) {
  constexpr size_t widest = 80, narrow = 60, narrowest = 20, little = 4;
  const size_t columns = terminal_size().columns,
               width = columns == 0 ? widest : std::clamp(columns, narrowest, widest);
  if (width < narrow) column = little;  // beside the first column there is no room
  std::string out;
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = std::min(help.find('\n', begin), help.size());
    std::string line = help.substr(begin, end - begin);
    const std::string indent(line.starts_with(' ') ? column : 0, ' ');
    while (line.size() > width) {
      const size_t space = line.rfind(' ', width);
      if (space == std::string::npos || space <= indent.size()) break;
      out += line.substr(0, line.find_last_not_of(' ', space) + 1) + "\n";
      line = indent + line.substr(space + 1);
    }
    out += line + "\n";
    begin = end + 1;
  }
  return out;
}

int parse_and_run(CommandLine &line, std::vector<std::string> args, const std::function<int()> &run) {
  if (describe_to) {
    describe_to(line);
    return ok;
  }
  CLI::App &app = line.cli();
  for (std::string &a : args) {
    if (a.size() >= 2 && a.front() == '[' && a.back() == ']') a += list_mark;
  }
  for (CLI::Option *option : app.get_options()) {
    if (option->get_expected_max() > 0) option->transform(as_given);
  }
  try {
    refuse_equals(app, args);
    refuse_control(app, args);
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const mrun::failure &e) { return report(e); } catch (const CLI::CallForHelp &) {
    print(help_of(app));
    return ok;
  } catch (const CLI::ParseError &e) {
    warn(explained(app, e) + "; `mrun " + app.get_name() + " --help` explains");
    return bad_usage;
  }
  try {
    refuse_empty(app);
    return run();
  } catch (const mrun::failure &e) { return report(e); }
}

}  // namespace command
