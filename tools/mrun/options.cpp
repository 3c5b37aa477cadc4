#include "options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "arguments.h"
#include "base/text.h"
#include "report.h"
#include "view.h"

namespace command {
namespace {

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
    throw mrun::failure(MRUN_USAGE, "--param " + printable(given) + ": want NAME=VALUE");
  }
  if (!mrun::valid_utf8(given)) throw mrun::failure(MRUN_USAGE, "--param " + printable(given) + ": is not UTF-8");
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

int32_t isolation_of(const std::string &name) {
  if (name.empty()) return MRUN_ISOLATION_DEFAULT;
  if (name == "process") return MRUN_ISOLATION_PROCESS;
  if (name == "none") return MRUN_ISOLATION_NONE;
  const char *variable = std::getenv("MRUN_ISOLATION");
  const bool by_variable = variable != nullptr && name == variable;
  throw mrun::failure(MRUN_USAGE, "--isolation " + printable(name) + ": want none or process" +
                                      (by_variable ? "; the variable MRUN_ISOLATION says so" : ""));
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
  warn(names[std::min(std::max(level, 0), 3)] + (": " + where) + text);
}

}  // namespace

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

void warn_unused_device(const RunOptions &given, const mrun::bundle &bundle) {
  if (given.device == "cpu") return;
  const mrun::variant manifest = mrun::from_json(bundle.inspect("manifest"));
  if (View{&manifest.c()}.at("models").size() > 0) return;
  warn("--device " + given.device + ": the bundle has no model that would run there; its scripts run on the CPU");
}

uint64_t parse_size(const std::string &text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t used = error == std::errc() ? static_cast<size_t>(end - text.data()) : 0;
  const std::string unit = text.substr(used);
  const double scale = unit.empty()  ? 1
                       : unit == "K" ? 1024.0
                       : unit == "M" ? 1048576.0
                       : unit == "G" ? 1073741824.0
                                     : 0;
  if (used == 0 || scale == 0 || !(number * scale >= 1) || number * scale > 1e18) {
    throw mrun::failure(MRUN_USAGE,
                        "--memory: want bytes, or a number with K, M or G, as 512M, got " + printable(text));
  }
  return static_cast<uint64_t>(number * scale);
}

void RunOptions::add_to(CommandLine &app) {
  app.add_option("--param", params, "NAME=VALUE: another value for a parameter of bundle.toml (repeatable)")
      .one_at_a_time()
      .type_name("K=V");
  app.add_option("--seed", seed, "of the random numbers (default 0)").check(whole_number(0, UINT64_MAX));
  app.add_option("--workers", workers, "script workers (default: the cores; 1 for a single input, and for examples)")
      .check(whole_number(0, INT32_MAX));
  app.add_option("--threads", threads, "threads of one operator (default 1; the cores for a single input)")
      .check(whole_number(0, INT32_MAX));
  app.add_option("--processes", processes,
                 "worker processes that share the inputs and one copy of the weights (default 1); workers are divided "
                 "among them")
      .check(whole_number(1, 256));
  app.add_option("--batch-size", batch_size, "most rows of a joined model call (default: bundle.toml's max_size)")
      .check(whole_number(1, 1 << 20));
  app.add_option(
         "--max-delay", max_delay,
         "of inputs that come one by one, as from a pipe: milliseconds a model call waits for more to join (default 0)")
      .check(number(0, 3.6e6))
      .type_name("MS");
  app.add_flag("--exact", exact, "the same bits whatever an item is joined with");
  app.add_option("--device", device, "where models run; cuda:1 is the second one (default cpu)").type_name("cpu|cuda");
  add_limits_to(app);
}

void RunOptions::add_limits_to(CommandLine &app) {
  app.add_option("--isolation", isolation,
                 "process: in a locked-up worker process (default for a .mb file); none: in this one, for bundles that "
                 "you trust (default for a folder)")
      .environment("MRUN_ISOLATION")
      .type_name("process|none");
  app.add_option("--timeout", timeout, "seconds an item may take (default 60; -1: no limit)").check(seconds());
  app.add_option("--start-timeout", start_timeout,
                 "seconds a script's top-level code may take (default 60; -1: no limit)")
      .check(seconds());
  app.add_option("--memory", memory, "bytes of script heap and of tensors an item may hold, as 512M or 2G")
      .type_name("SIZE");
  app.add_option("--plugin", plugins, "load a plugin's file: native code with all your rights (repeatable)")
      .one_at_a_time()
      .type_name("FILE");
  app.add_option("--log-level", log_level, "what scripts and plugins may say (default warn)")
      .type_name("debug|info|warn|error");
}

std::vector<std::string> plugin_path() {
  const char *const text = std::getenv("MRUN_PLUGIN_PATH");
  std::istringstream rest(text == nullptr ? "" : text);
  std::vector<std::string> folders;
  for (std::string folder; std::getline(rest, folder, ':');) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

void RunOptions::load_plugins() const {
  for (const std::string &path : plugins) {
    try {
      mrun::host_detail::call([&](mrun_error *e) { return mrun_load_plugin(path.c_str(), e); });
    } catch (const mrun::failure &e) {  // the command line named it
      throw mrun::failure(e.code == MRUN_MISSING ? MRUN_USAGE : e.code, std::string("--plugin: ") + e.what(), e.detail);
    }
  }
}

void RunOptions::load_plugins_to_list() const {
  for (const std::string &folder : plugin_path()) {
    std::error_code unknown;
    if (std::filesystem::is_directory(folder, unknown)) continue;
    warn(printable(folder) + ": is no folder; MRUN_PLUGIN_PATH names folders of plugins");
  }
  load_plugins();
}

EngineOptions::EngineOptions(const RunOptions &given, const mrun::bundle &bundle) : device_(given.device) {
  MRUN_INIT(options_);
  options_.isolation = isolation_of(given.isolation);
  options_.workers = given.workers;
  options_.threads = given.threads;
  options_.processes = given.processes;
  options_.timeout = given.timeout;
  options_.start_timeout = given.start_timeout;
  options_.max_batch = given.batch_size;
  options_.max_delay = given.max_delay / 1e3;
  options_.exact = given.exact ? 1 : 0;
  options_.seed = given.seed;
  options_.device = device_.c_str();
  if (!given.memory.empty()) options_.lua_memory = options_.tensor_memory = parse_size(given.memory);
  level_ = level_of(given.log_level);
  options_.log = log_line;
  options_.log_user = &level_;
  if (given.params.empty()) return;
  const mrun::variant declared = mrun::from_json(bundle.inspect("parameters"));
  std::vector<std::pair<std::string, mrun::variant>> overrides;
  for (const std::string &p : given.params) {
    overrides.push_back(parse_param(p, declared));
    const std::string &name = overrides.back().first;
    const auto same = [&](const auto &other) { return other.first == name; };
    if (std::count_if(overrides.begin(), overrides.end(), same) > 1)
      throw mrun::failure(MRUN_USAGE, "--param " + printable(name) + ": is given twice");
  }
  params_ = mrun::map(std::move(overrides));
  options_.params = &params_.c();
}

}  // namespace command
