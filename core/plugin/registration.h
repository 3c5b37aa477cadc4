// What one plugin has said of itself before all of it is accepted: nothing of a plugin that fails is ever seen.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "plugin/registry.h"

namespace mrun {

// What native code passes, as this host knows it: no more is read than it gave, what it did not give is zero.
template <class T>
T known(const T *given, const char *what) {
  if (given == nullptr) fail(MRUN_USAGE, "{}: NULL was given", what);
  if (given->size < sizeof(T)) {  // every struct has had all of today's fields from the first version on
    fail(MRUN_USAGE, "{}: its size is {}, at least {} is wanted", what, given->size, sizeof(T));
  }
  T copy = *given;
  copy.size = sizeof(T);
  return copy;
}

}  // namespace mrun

// Named by plugin.h.
struct mrun_registry {
  mrun::Plugin *plugin = nullptr;
  std::vector<std::unique_ptr<mrun::Operation>> operations;
  std::vector<std::unique_ptr<const mrun_op>> ops;
  std::map<std::string, const mrun_type *> types;
  std::vector<std::unique_ptr<const mrun_namespace>> namespaces;
  std::vector<std::unique_ptr<const mrun_backend>> backends;
  std::string error;  // the first that was wrong
};

namespace mrun {

// An operation from what a plugin registered or a namespace found; checked. The plugin's own mrun_op is copied into
// `kept`.
std::unique_ptr<Operation> make_operation(const mrun_op *, const Plugin &,
                                          std::vector<std::unique_ptr<const mrun_op>> &kept);

void register_op(mrun_registry &, const mrun_op *);
void register_type(mrun_registry &, const mrun_type *);
void register_namespace(mrun_registry &, const mrun_namespace *);
void register_backend(mrun_registry &, const mrun_backend *);

// Runs mrun_plugin_init. Fills in `plugin` and checks everything that it registered. Throws Error.
using PluginInit = int (*)(const mrun_host *, mrun_plugin *);
void initialize(PluginInit, const std::string &what, Plugin &, mrun_registry &);

// The Lua module of a plugin that brings none.
std::string lua_module(const Plugin &, const mrun_registry &);

// dlopen RTLD_NOW | RTLD_LOCAL. While it runs, what libraries print on standard output goes to standard error, and the
// signal handlers they install are taken back. `libraries` are opened first, each on its own: a symbol of theirs is then
// looked up among what that library needs, not among all that the plugin needs (libtorch: 286 files, a third of the
// time). What is not there is left to the plugin's own dlopen. Throws MISSING, USAGE.
struct Library {
  void *handle = nullptr;
  PluginInit init = nullptr;
};
Library open_library(const std::filesystem::path &, const std::vector<std::string> &libraries = {});

// The plugin files of some folders. Of two with one name the first folder's counts.
struct PluginFile {
  std::filesystem::path path;
  std::vector<std::string> provides;   // "aten."
  std::vector<std::string> suffixes;   // ".pt"
  std::vector<std::string> libraries;  // "libopencv_core.so.406": see open_library
  std::string broken;                  // why NAME.json is wrong; empty: it is not. Such a plugin is not loaded
};
std::map<std::string, PluginFile> scan_folders(const std::vector<std::filesystem::path> &);
std::vector<std::filesystem::path> default_folders();

bool valid_plugin_name(std::string_view);  // [a-z][a-z0-9_]*

}  // namespace mrun
