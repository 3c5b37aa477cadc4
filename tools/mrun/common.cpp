#include "common.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "standard_output.h"
#include "view.h"

namespace command {
namespace {

// CLI11 takes "[1, 2]" apart where an option may have several values, unless something follows it.
constexpr char list_mark = '\x1f';

std::string as_given(std::string argument) {
  if (argument.starts_with('[') && argument.ends_with(std::string("]") + list_mark)) argument.pop_back();
  return argument;
}

bool is_declared_string(const mrun::variant &parameters, const std::string &name) {
  const View rows{&parameters.c()};
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].at("name").text() == name) return rows[i].at("type").text() == "string";
  }
  return false;
}

// "top_k=3": the value as JSON where it is JSON, else as the text it is; a parameter declared as a string stays text.
std::pair<std::string, mrun::variant> parse_param(const std::string &given, const mrun::variant &parameters) {
  const size_t equals = given.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw mrun::failure(MRUN_USAGE, "--param " + given + ": want NAME=VALUE");
  }
  const std::string name = given.substr(0, equals), value = given.substr(equals + 1);
  const bool is_string = is_declared_string(parameters, name);
  mrun_value parsed{};
  if (!is_string && mrun_from_json(value.data(), value.size(), &parsed, nullptr) == MRUN_OK) {
    return {name, mrun::variant(parsed)};
  }
  mrun::variant text;
  const mrun_value borrowed = mrun_text(value.c_str());
  mrun_value_copy(&borrowed, text.out());
  return {name, std::move(text)};
}

// The help for a terminal of 80 columns: what is longer goes on below its own column.
std::string fitted_help(const std::string &help) {
  constexpr size_t width = 80, column = 30;  // CLI11's column of explanations
  std::string out;
  for (size_t begin = 0; begin < help.size();) {
    const size_t end = std::min(help.find('\n', begin), help.size());
    std::string line = help.substr(begin, end - begin);
    if (line.starts_with("Usage: ")) line.replace(0, 7, "\nUsage: mrun ");
    const std::string indent(line.starts_with(' ') ? column : 0, ' ');
    while (line.size() > width) {
      const size_t space = line.rfind(' ', width);
      if (space == std::string::npos || space <= indent.size()) break;
      out += line.substr(0, space) + "\n";
      line = indent + line.substr(space + 1);
    }
    out += line + "\n";
    begin = end + 1;
  }
  return out;
}

int level_of(const std::string &name) {
  const std::vector<std::string> names{"debug", "info", "warn", "error"};
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<int>(i);
  }
  throw mrun::failure(MRUN_USAGE, "--log-level " + name + ": want debug, info, warn or error");
}

void log_line(void *user, int level, const char *stage, const char *text) {
  static const char *const names[] = {"debug", "info", "warn", "error"};
  if (level < *static_cast<int *>(user)) return;
  const std::string where = *stage == 0 ? "" : std::string(stage) + ": ";
  std::fprintf(stderr, "mrun: %s: %s%s\n", names[std::min(std::max(level, 0), 3)], where.c_str(), text);
}

}  // namespace

int exit_of(int code) {
  switch (code) {
    case MRUN_OK: return ok;
    case MRUN_USAGE: return bad_usage;
    case MRUN_VERIFY: return not_verified;
    case MRUN_IO: return no_output;
    case MRUN_CANCELLED: return interrupted;
    case MRUN_INPUT: return some_failed;
    default: return refused;
  }
}

int report(int code, const std::string &message) {
  std::fprintf(stderr, "mrun: %s\n", message.c_str());
  return exit_of(code);
}

int report(const mrun::failure &e) { return report(e.code, e.what()); }

int parse_and_run(CLI::App &app, std::vector<std::string> args, const std::function<int()> &run) {
  for (std::string &a : args) {
    if (a.size() >= 2 && a.front() == '[' && a.back() == ']') a += list_mark;
  }
  for (CLI::Option *option : app.get_options()) {
    if (option->get_expected_max() > 0) option->transform(as_given);
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 takes them from the back
  } catch (const CLI::CallForHelp &) {
    print(fitted_help(app.help()));
    return ok;
  } catch (const CLI::ParseError &e) {
    std::fprintf(stderr, "mrun: %s; `mrun %s --help` explains\n", e.what(), app.get_name().c_str());
    return bad_usage;
  }
  try {
    return run();
  } catch (const mrun::failure &e) { return report(e); }
}

BundleName split_revision(const std::string &name) {
  const size_t at = name.rfind('@');
  std::error_code error;  // a name too long for the system is for opening to refuse
  if (at == std::string::npos || at == 0 || std::filesystem::exists(name, error)) return {name, ""};
  if (at + 1 == name.size()) throw mrun::failure(MRUN_USAGE, name + ": want a revision after @, as model.mb@2");
  return {name.substr(0, at), name.substr(at + 1)};
}

mrun::bundle open_bundle(const std::string &name) {
  const BundleName parts = split_revision(name);
  mrun_open_options options;
  MRUN_INIT(options);
  options.revision = parts.revision.empty() ? nullptr : parts.revision.c_str();
  try {
    return mrun::bundle(parts.path.c_str(), &options);
  } catch (const mrun::failure &e) {
    // Whatever kept the bundle from opening, it was refused: 3, not the status of a failing item.
    throw mrun::failure(e.code == MRUN_INPUT || e.code == MRUN_IO ? MRUN_BUNDLE : e.code, e.what(), e.detail);
  }
}

bool is_terminal(int fd) { return isatty(fd) == 1; }

std::string read_file(const std::string &path) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw mrun::failure(MRUN_INPUT, path + ": " + std::strerror(errno));
  std::string text;
  char buffer[1 << 16];
  ssize_t n = 0;
  while ((n = ::read(fd, buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(n));
  const int error = errno;
  if (fd != STDIN_FILENO) close(fd);
  if (n < 0) throw mrun::failure(MRUN_INPUT, path + ": " + std::strerror(error));
  return text;
}

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(answers_fd(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw mrun::failure(MRUN_IO, std::string("standard output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string error_json(int code, const std::string &stage, const std::string &message) {
  std::vector<std::pair<std::string, mrun::variant>> fields;
  fields.emplace_back("code", mrun::text(mrun_code_name(code)));
  fields.emplace_back("stage", mrun::text(stage.c_str()));
  fields.emplace_back("message", mrun::text(message.c_str()));
  std::vector<std::pair<std::string, mrun::variant>> outer;
  outer.emplace_back("error", mrun::map(std::move(fields)));
  return mrun::map(std::move(outer)).json();
}

std::string error_json(const mrun_result &r) {
  if (r.json != nullptr) return r.json;
  return error_json(r.code, r.stage, r.error.message != nullptr ? r.error.message : mrun_code_name(r.code));
}

mrun::variant options_map(const std::vector<std::pair<std::string, bool>> &flags, const std::string &message) {
  std::vector<std::pair<std::string, mrun::variant>> entries;
  for (const auto &[name, set] : flags) {
    mrun_value v{};
    v.kind = MRUN_BOOL;
    v.as.boolean = set ? 1 : 0;
    entries.emplace_back(name, mrun::variant(v));
  }
  if (!message.empty()) entries.emplace_back("message", mrun::text(message.c_str()));
  return mrun::map(std::move(entries));
}

uint64_t parse_size(const std::string &text) {
  size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception &) { used = 0; }
  const std::string unit = text.substr(used);
  const double scale = unit.empty()  ? 1
                       : unit == "K" ? 1024.0
                       : unit == "M" ? 1048576.0
                       : unit == "G" ? 1073741824.0
                                     : 0;
  if (used == 0 || scale == 0 || !(number > 0) || number * scale > 1e18) {
    throw mrun::failure(MRUN_USAGE, "\"" + text + "\" is no size: want bytes, or a number with K, M or G");
  }
  return static_cast<uint64_t>(number * scale);
}

void RunOptions::add_to(CLI::App &app) {
  app.add_option("--param", params, "NAME=VALUE: another value for a parameter of bundle.toml (repeatable)")
      ->allow_extra_args(false)
      ->type_name("K=V");
  app.add_option("--seed", seed, "of the random numbers (default 0)");
  app.add_option("--workers", workers, "script workers (default 1; as many as cores for many inputs)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--threads", threads, "threads of one operator (default cores / workers)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--device", device, "cpu or cuda[:i]");
  add_limits_to(app);
}

void RunOptions::add_limits_to(CLI::App &app) {
  app.add_option("--isolation", isolation, "none: run in this process (the default; run only bundles that you trust)");
  app.add_option("--timeout", timeout, "seconds an item may take (default 60; negative: no limit)");
  app.add_option("--memory", memory, "bytes of script heap and of tensors an item may hold, as 512M or 2G");
  app.add_option("--plugin", plugins, "load a plugin's file: native code with all your rights (repeatable)")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("--log-level", log_level, "debug, info, warn or error (default warn)");
}

void RunOptions::load_plugins() const {
  for (const std::string &path : plugins) {
    mrun::host_detail::call([&](mrun_error *e) { return mrun_load_plugin(path.c_str(), e); });
  }
}

EngineOptions::EngineOptions(const RunOptions &given, const mrun::bundle &bundle) : device_(given.device) {
  MRUN_INIT(options_);
  if (given.isolation != "none" && given.isolation != "process") {
    throw mrun::failure(MRUN_USAGE, "--isolation " + given.isolation + ": want none or process");
  }
  options_.isolation = given.isolation == "process" ? MRUN_ISOLATION_PROCESS : MRUN_ISOLATION_NONE;
  options_.workers = given.workers;
  options_.threads = given.threads;
  options_.timeout = given.timeout;
  options_.seed = given.seed;
  options_.device = device_.c_str();
  if (!given.memory.empty()) options_.lua_memory = options_.tensor_memory = parse_size(given.memory);
  level_ = level_of(given.log_level);
  options_.log = log_line;
  options_.log_user = &level_;
  if (given.params.empty()) return;
  const mrun::variant declared = mrun::from_json(bundle.inspect("parameters"));
  std::vector<std::pair<std::string, mrun::variant>> overrides;
  for (const std::string &p : given.params) overrides.push_back(parse_param(p, declared));
  params_ = mrun::map(std::move(overrides));
  options_.params = &params_.c();
}

}  // namespace command
