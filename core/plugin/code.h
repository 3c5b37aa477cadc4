// Code: the native code of plugins. A file is opened and its mrun_plugin_init run once a process, whatever the number
// of registries, and never unloaded: what is returned here lives as long as the process. Any thread; one lock, under
// which the libraries' constructors and mrun_plugin_init run.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/registration.h"

namespace mrun {

// What a plugin is and what it registered, all of it checked.
struct Code {
  Plugin plugin;
  mrun_registry registry;
};

// dlopen RTLD_NOW | RTLD_LOCAL. The libraries that NAME.json lists are opened first, each on its own: a symbol of theirs is
// then looked up among what that library needs, not among all that the plugin needs (libtorch: 286 files, a third of the
// time). What is not there is left to the plugin's own dlopen. Another path to a file that is loaded gives the same code.
// Throws MISSING (no such file), USAGE (not a plugin, wrong ABI, a wrong schema or NAME.json); what failed once fails the
// same way again.
const Code &load_code(const std::filesystem::path &);

const Code &linked_code(PluginInit);  // of this program; the same function again: the same code

}  // namespace mrun
