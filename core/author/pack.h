// A folder becomes one file: std modules pinned, models split into graph and weights, operations listed, examples run.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "author/example.h"

namespace mrun {

struct PackOptions {
  bool update_std = false;  // take std modules anew also where the folder has std/
  bool dry_run = false;     // all the same, examples run included, from a file beside `out` that is then removed
  std::string message;      // of the revision
};

struct CommitOptions {
  std::string message, author, time;  // time: "2026-01-31T12:00:00Z"; empty author and time are not kept
  bool update_std = false;
};

// Throws BUNDLE, MISSING (a module or operation), VERIFY (an example's answer differs), MODEL, IO. Nothing half-written
// stays. Returns the report: {"path", "digest", "size", "entries", "ignored": [path], "left_out": [sentence],
// "models": [{"name", "split": bool, "reason"}], "operations", "examples": number}.
Value pack(Registry &, const std::filesystem::path &folder, const std::filesystem::path &out, const PackOptions &);

// Adds the folder's state to the packed file as its next revision; what the folder's examples say is proved first, as by pack. On
// failure the file is as it was. Throws USAGE where nothing differs.
// Returns {"path", "digest", "number", "size", "grown", "ignored", "left_out", "models", "examples"}.
Value commit(Registry &, const std::filesystem::path &bundle, const std::filesystem::path &folder,
             const CommitOptions &);

}  // namespace mrun
