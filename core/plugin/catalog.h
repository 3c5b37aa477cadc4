// Catalog: the plugin files of some folders, and what NAME.json beside each says of it. Files only: no code of a plugin
// is loaded or run. Immutable; any thread.
//
// A file NAME.so brings operations NAME.*, the Lua module NAME, and what NAME.json lists: {"provides": ["aten."],
// "suffixes": [".pt"], "libraries": ["libopencv_core.so.406"], "only": ["libtorch_cpu.so.1.13"], "own_memory": true,
// "tensor_methods": true, "code": "mprotect", "old_open": true}.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mrun {

struct PluginFile {
  std::filesystem::path path;
  std::vector<std::string> provides;   // namespaces: "aten."
  std::vector<std::string> suffixes;   // of model files: ".pt"
  std::vector<std::string> libraries;  // to open before it: see load_code
  std::vector<std::string> only;       // libraries of which a process may hold one version
  bool own_memory = false;             // see library_flags (base/library.h)
  bool tensor_methods = false;         // its Lua module gives tensors their operators and methods
  bool old_open = false;               // its libraries look for files by open(), and work without them
  std::string code;    // how it makes native code while it runs: "mprotect", "in place"; empty: not at all
  std::string broken;  // why NAME.json is wrong; empty: it is not. Such a plugin is not loaded
};

class Catalog {
 public:
  // Of two files with one name the first folder's counts. A folder that is not there holds none.
  explicit Catalog(const std::vector<std::filesystem::path> &folders);

  const std::map<std::string, PluginFile> &files() const { return files_; }  // by name
  const PluginFile *find(const std::string &name) const;                     // null if there is none
  // The names of the plugins that provide a namespace of this operation, or open files of this name.
  std::vector<std::string> providers(std::string_view operation) const;
  std::vector<std::string> openers(std::string_view file) const;

 private:
  std::map<std::string, PluginFile> files_;
};

// A plugin's file by itself.
PluginFile describe_plugin(const std::filesystem::path &);

// MRUN_PLUGIN_PATH, then the install's folder.
std::vector<std::filesystem::path> default_plugin_folders();

bool valid_plugin_name(std::string_view);  // [a-z][a-z0-9_]*

}  // namespace mrun
