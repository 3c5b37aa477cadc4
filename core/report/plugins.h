// Plugins seen from outside: what `mrun ops` and `mrun plugins` show, as JSON (it loads every plugin there is), and an
// operation called by itself.
#pragma once
#include <string>

#include "plugin/registry.h"

namespace mrun {

// [{"name", "schema", "doc", "plugin", "random", "once"}]: all operations, those of a plugin ("image"), or those of a name
// ("image.resize", "image.resize@1", "aten.softmax"). Throws MISSING for an unknown one, near misses named.
Value report_operations(Registry &, const std::string &name);
// [{"name", "version", "doc", "license", "path", "operations", "error"}]: error is nil, or why a file in the plugin
// folders could not be loaded (the texts are empty then).
Value report_plugins(Registry &);

// An operation without a bundle: args is a list, a table of keywords last. Gives the list of its results. Throws what it
// failed with, USAGE where it calls back.
Value call_by_itself(Registry &, const std::string &name, const Value &args);

}  // namespace mrun
