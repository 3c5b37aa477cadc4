// `mrun plugins --check FILE`: whether a plugin keeps to the plugin ABI, tried in a process of its own.
// `mrun plugins --call OPERATION ARG...`: an operation called by itself.
#pragma once
#include <string>
#include <vector>

namespace command {

// bundle: whose models the plugin's backends open are tried too; or empty. Prints what was found, or the report as JSON.
// Returns the exit status: ok, some_failed where there are problems (that the plugin ended the process, or did not return,
// is one), that of the failure where it cannot be loaded.
int check_plugin(const std::string &path, const std::string &bundle, bool json);

// args: JSON, a tensor as DTYPE and its nested list (float32[[1, 2], [3, 4]]), or @FILE for a file's bytes; a JSON object
// that comes last is keyword arguments. Prints each result on a line.
int call_operation(const std::string &name, const std::vector<std::string> &args);

}  // namespace command
