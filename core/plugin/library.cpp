// Where plugins are found and how their libraries are opened.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "plugin/registration.h"
#include "value/json.h"

namespace mrun {
namespace {

namespace fs = std::filesystem;

// Some libraries print while they are loaded (UCX, on standard output) or install signal handlers. Standard output
// carries answers only, and signals are the host's.
class Quarantine {
 public:
  Quarantine() : stdout_(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
    for (size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], nullptr, &actions_[i]);
    if (!stdout_) return;
    std::fflush(stdout);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
      const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
      if (null) dup2(null.get(), STDOUT_FILENO);
    }
  }
  ~Quarantine() {
    for (size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &actions_[i], nullptr);
    if (!stdout_) return;
    std::fflush(stdout);
    dup2(stdout_.get(), STDOUT_FILENO);
  }
  Quarantine(const Quarantine &) = delete;
  Quarantine &operator=(const Quarantine &) = delete;

 private:
  static constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGINT};
  struct sigaction actions_[std::size(signals)] = {};
  UniqueFd stdout_;
};

std::vector<std::string> strings(const Value &json, std::string_view key, const fs::path &file) {
  std::vector<std::string> out;
  const Value *list = json.find(key);
  if (list == nullptr) return out;
  const auto wrong = [&] { fail(MRUN_USAGE, "{}: \"{}\" must be a list of strings", file.string(), key); };
  if (!list->is_list()) wrong();
  for (const Value &item : list->as_list()) {
    if (!item.is_string() || item.as_string().empty()) wrong();
    out.emplace_back(item.as_string());
  }
  return out;
}

PluginFile describe_file(const fs::path &library) {
  PluginFile file;
  file.path = library;
  fs::path facts = library;
  facts.replace_extension(".json");
  std::error_code none;
  if (!fs::exists(facts, none)) return file;
  constexpr size_t most = 1 << 20;
  try {
    const Value json = parse_json(read_file(facts, MRUN_USAGE, most), {facts.string(), MRUN_USAGE, 8});
    file.provides = strings(json, "provides", facts);
    file.suffixes = strings(json, "suffixes", facts);
    file.libraries = strings(json, "libraries", facts);
  } catch (const Error &e) { file.broken = e.message; }
  return file;
}

// The file that holds this code: the library, or the program where it is linked in.
fs::path own_file() {
  Dl_info info{};
  link_map *map = nullptr;
  void *extra = nullptr;
  if (dladdr1(reinterpret_cast<const void *>(&own_file), &info, &extra, RTLD_DL_LINKMAP) != 0) {
    map = static_cast<link_map *>(extra);
  }
  std::error_code error;
  const bool program = map == nullptr || map->l_name == nullptr || map->l_name[0] == '\0';
  const fs::path path = program ? fs::path("/proc/self/exe") : fs::path(map->l_name);
  return fs::canonical(path, error);
}

}  // namespace

std::vector<fs::path> default_folders() {
  std::vector<fs::path> folders;
  if (const char *text = secure_getenv("MRUN_PLUGIN_PATH")) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) folders.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  const fs::path here = own_file().parent_path();
  if (!here.empty()) {
    folders.push_back((here / "../lib/mrun/plugins").lexically_normal());  // bin/mrun, lib/libmrun.so
    folders.push_back(here / "mrun/plugins");                              // lib/ARCHITECTURE/libmrun.so
  }
  return folders;
}

std::map<std::string, PluginFile> scan_folders(const std::vector<fs::path> &folders) {
  std::map<std::string, PluginFile> files;
  for (const fs::path &folder : folders) {
    std::error_code error;  // a folder that is not there holds no plugins
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, error)) {
      const fs::path &path = entry.path();
      const std::string name = path.stem().string();
      if (path.extension() != ".so" || !valid_plugin_name(name) || files.count(name) != 0) continue;
      files.emplace(name, describe_file(path));
    }
  }
  return files;
}

Library open_library(const fs::path &path, const std::vector<std::string> &libraries) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) fail(MRUN_MISSING, "{}: no such plugin file", path.string());
  const fs::path full = fs::canonical(path, error);
  Library library;
  std::string reason;
  {
    const Quarantine quarantine;
    for (const std::string &name : libraries) dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    library.handle = dlopen(full.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library.handle == nullptr) reason = dlerror();
  }
  if (library.handle == nullptr) fail(MRUN_USAGE, "{}: cannot be loaded: {}", path.string(), printable(reason, 1000));
  library.init = reinterpret_cast<PluginInit>(dlsym(library.handle, "mrun_plugin_init"));
  if (library.init == nullptr) { fail(MRUN_USAGE, "{}: not a plugin: it exports no mrun_plugin_init", path.string()); }
  return library;
}

}  // namespace mrun
