// mrun: runs and makes bundles. This file is the list of subcommands and the help.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "arguments.h"
#include "base/text.h"
#include "files.h"
#include "interrupt.h"
#include "manual.h"
#include "report.h"
#include "standard_output.h"
#include "subcommands.h"

namespace {

struct Subcommand {
  const char *name;
  int (*run)(std::vector<std::string>);
  const char *usage;
  const char *summary;
};

constexpr Subcommand subcommands[] = {
    {"new", command::make_new, "new NAME --kind KIND", "make a bundle's folder that runs as it is"},
    {"pack", command::pack, "pack DIR [-o FILE]", "make one .mb file of a folder"},
    {"unpack", command::unpack, "unpack BUNDLE [-C DIR]", "make a folder of a .mb file"},
    {"inspect", command::inspect, "inspect BUNDLE [PATH]", "show what is inside; runs nothing"},
    {"record", command::record, "record DIR NAME INPUT", "run and keep as an example"},
    {"verify", command::verify, "verify BUNDLE", "check hashes, then the examples"},
    {"rerun", command::rerun, "rerun META", "give an answer again, by what --meta kept"},
    {"commit", command::commit, "commit BUNDLE DIR -m MSG", "add a revision to a .mb file"},
    {"log", command::log, "log BUNDLE", "list the revisions"},
    {"diff", command::diff, "diff A B", "compare two bundles, revisions or folders"},
    {"scan", command::scan, "scan FILE", "say what in any model's file would run"},
    {"keygen", command::keygen, "keygen FILE", "make a key to sign with"},
    {"sign", command::sign, "sign BUNDLE --key FILE", "add a signature to a bundle"},
    {"bench", command::bench, "bench BUNDLE INPUT...", "measure how fast a bundle answers"},
    {"ops", command::operations, "ops [NAME]", "list native operations, or explain one"},
    {"plugins", command::plugins, "plugins [--check|--call ...]", "list plugins, check one, call an operation"},
    {"new-plugin", command::new_plugin, "new-plugin NAME", "make a plugin's folder to build"},
};

}  // namespace

bool command::is_subcommand(const std::string &name) {
  const auto has_name = [&](const Subcommand &s) { return name == s.name; };
  return name == "run" || name == "help" || std::any_of(std::begin(subcommands), std::end(subcommands), has_name);
}

namespace {

std::string fmt_row(std::string usage, const char *summary) {
  usage.resize(std::max<size_t>(usage.size(), 28), ' ');
  return "  mrun " + usage + "  " + summary + "\n";
}

std::string help() {
  std::string text =
      "mrun runs a model together with its pre- and post-processing from one file.\n\n"
      "  mrun BUNDLE[@REV] [INPUT...]       answer inputs: one JSON document a line\n\n";
  for (const Subcommand &s : subcommands) text += fmt_row(s.usage, s.summary);
  text +=
      "\nBUNDLE is a .mb file or a folder. INPUT depends on the bundle's kind: a text, a\n"
      "JSON value, or a path; @FILE reads a text from a file, - from standard input,\n"
      "and a folder is walked.\n\n"
      "  mrun model.mb photo.jpg\n"
      "  mrun model.mb \"a sentence\" --param top_k=3\n"
      "  cat lines.txt | mrun model.mb --lines - -o answers.jsonl\n\n"
      "Exit status: 0 all answered, 1 some items failed, 2 wrong usage, 3 the bundle\n"
      "was refused, 4 verification failed, 5 output could not be written,\n"
      "130 interrupted (Ctrl-C; SIGTERM and SIGHUP leave the same behind).\n\n"
      "Environment: MRUN_ISOLATION is --isolation where that is not given;\n"
      "MRUN_PLUGIN_PATH are folders of plugins (A:B), looked into before the install's;\n"
      "MRUN_WORKER is the worker's program where it is not the install's; NO_COLOR.\n\n"
      "`mrun SUBCOMMAND --help` explains one; `mrun run --help` lists the options for\n"
      "answering inputs. `mrun --manual FOLDER` writes manual pages, and completion for\n"
      "bash, zsh and fish, into FOLDER. `mrun --version` says which mrun this is.\n";
  return text;
}

void write_manual(const std::string &folder) {
  std::vector<command::SubcommandEntry> entries{{"run", "BUNDLE[@REV] [INPUT...]", "answer inputs", command::run}};
  for (const Subcommand &s : subcommands) entries.push_back({s.name, s.usage, s.summary, s.run});
  command::write_manual(folder, entries, help());
}

bool exists(const std::string &path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

// What other programs call a subcommand.
std::string known_elsewhere(const std::string &word) {
  constexpr std::pair<std::string_view, std::string_view> others[] = {
      {" info show describe list ls cat ", "mrun inspect BUNDLE"},
      {" test check validate ", "mrun verify BUNDLE"},
      {" build package zip compile ", "mrun pack DIR"},
      {" init create ", "mrun new NAME"},
      {" extract unzip ", "mrun unpack BUNDLE"},
      {" compare ", "mrun diff A B"},
      {" history ", "mrun log BUNDLE"},
      {" example ", "mrun record DIR NAME INPUT"},
      {" predict infer eval exec ", "mrun BUNDLE INPUT"},
  };
  for (const auto &[words, usage] : others) {
    if (words.find(" " + word + " ") != std::string_view::npos) return "; it is " + std::string(usage);
  }
  return "";
}

// What stands where the bundle should, and is no file: a subcommand or file misspelt, or an input before its bundle.
// Empty where the bundle's own error says enough.
std::string misplaced(const std::vector<std::string> &args) {
  const std::string &first = args[0];
  if (first.empty() || first.starts_with('-') || exists(first) || exists(first.substr(0, first.rfind('@')))) return "";
  std::vector<std::string> names{"help", "--version"};
  for (const Subcommand &s : subcommands) names.emplace_back(s.name);
  const std::string meant = mrun::did_you_mean(first, names), nearby = command::bundle_nearby(first);
  const bool behind = std::any_of(args.begin() + 1, args.end(), command::looks_like_bundle);
  const std::string order = "the bundle comes first: mrun BUNDLE INPUT";
  if (!nearby.empty()) return "no such file" + nearby;
  if (!meant.empty()) return "no such file or subcommand" + meant + (behind ? " Else " + order : "");
  if (const std::string other = known_elsewhere(first); !other.empty()) return "no such file or subcommand" + other;
  if (behind) return "no such file; " + order;
  const bool word = first.find_first_of("/.@") == std::string::npos;
  return word ? "no such file or subcommand; `mrun --help` lists the subcommands" : "";
}

int help_about(const std::vector<std::string> &names) {
  if (names.empty() || names == std::vector<std::string>{"help"}) {
    constexpr size_t summaries = 37;  // the column of fmt_row
    command::print(command::fitted_help(help(), summaries));
    return command::ok;
  }
  if (names.size() > 1 || !command::is_subcommand(names[0])) {
    const std::string why = names.size() > 1 ? "help is about one subcommand" : "no such subcommand";
    command::warn(mrun::printable(names.back(), 60) + ": " + why + "; `mrun --help` lists them");
    return command::bad_usage;
  }
  const auto *known = std::find_if(std::begin(subcommands), std::end(subcommands),
                                   [&](const Subcommand &s) { return names[0] == s.name; });
  return known == std::end(subcommands) ? command::run({"--help"}) : known->run({"--help"});
}

int dispatch(std::vector<std::string> args) {
  if (args.empty()) {
    std::fputs("mrun: want a bundle or a subcommand; `mrun --help` lists them\n", stderr);
    return command::bad_usage;
  }
  const std::string first = args[0];
  if (first == "--help" || first == "-h" || first == "help") return help_about({args.begin() + 1, args.end()});
  if (first == "--version" && args.size() == 1) {
    command::print(std::string("mrun ") + mrun_version() + "\n");
    return command::ok;
  }
  if (first == "--version" || (first == "--manual" && (args.size() != 2 || args[1].empty()))) {
    command::warn(first +
                  (first == "--version" ? " stands alone" : ": want the folder to write into: mrun --manual FOLDER"));
    return command::bad_usage;
  }
  if (first == "--manual") {
    write_manual(args[1]);
    return command::ok;
  }
  for (const Subcommand &s : subcommands) {
    if (first == s.name) return s.run({args.begin() + 1, args.end()});
  }
  if (first == "run") args.erase(args.begin());
  if (const std::string why = args.empty() ? "" : misplaced(args); !why.empty()) {
    command::warn(mrun::printable(args[0], 200) + ": " + why);
    return command::refused;
  }
  return command::run(std::move(args));
}

// A descriptor that is closed at the start would become that of the first file opened: then it would be read as standard
// input, or written over.
void hold_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDONLY);
  if (fd > STDERR_FILENO) close(fd);
}

}  // namespace

int main(int argc, char **argv) {
  hold_standard_descriptors();
  command::keep_standard_output();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that outgrows `ulimit -f` is an error as a full disk is
  // Threads of OpenBLAS spin while the rest of libtorch is loaded. How many it may use is set again before each run.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  // Operator threads that spin between small operators slow each other down many times on a busy machine.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  int status = command::ok;
  try {
    status = dispatch({argv + 1, argv + argc});
  } catch (const mrun::failure &e) { status = command::report(e); } catch (const std::exception &e) {
    status = command::report(MRUN_INTERNAL, e.what());
  }
  std::fflush(stdout);
  std::fflush(stderr);
  if (status == command::interrupted) command::end_interrupted();
  _exit(status);  // libtorch's destructors take tens of milliseconds and nothing is left to save
}
