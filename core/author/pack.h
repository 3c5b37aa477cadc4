// A folder becomes one file: std modules pinned, models split into graph and weights, operations listed, examples run.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "author/example.h"

namespace mrun {

struct PackOptions {
  bool update_std = false;  // take std modules anew also where the folder has std/
  bool dry_run = false;     // everything but writing
  std::string message;      // of the revision
};

// Throws BUNDLE, MISSING (a module or operation), VERIFY (an example's answer differs), MODEL, IO. Nothing half-written
// stays. Returns the report: {"path", "digest", "size", "entries", "ignored": [path], "models": [{"name", "split":
// bool, "reason"}], "operations", "examples": number}.
Value pack(const std::filesystem::path &folder, const std::filesystem::path &out, const PackOptions &);

}  // namespace mrun
