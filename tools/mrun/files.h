// What is named on the command line and read: bundles and files.
#pragma once
#include <mrun/mrun.hpp>
#include <string>
#include <vector>

#include "arguments.h"
#include "base/error.h"

namespace command {

struct BundleName {
  std::string path, revision;
};
// "model.mb@2": an existing path wins over @REV.
BundleName split_revision(const std::string &);
// Whose signature a bundle must have; nobody's where all is empty.
struct Trust {
  std::string key, folder;
  bool require = false;
  void add_to(CommandLine &);
};
// Both: what keeps it from opening, or from being run, refuses the bundle (exit status 3), whatever its code is elsewhere.
mrun::bundle open_bundle(const std::string &name, const Trust & = {});
mrun::engine start(const mrun::bundle &, const mrun_options *);

// What tells a folder's bundle from the same one edited since. Of large files, as weights are, the time of the last change
// stands for the content.
std::string folder_digest(const mrun::bundle &, const std::string &path);

bool is_terminal(int fd);
std::string read_file(const std::string &path);  // "-": standard input. Throws mrun::failure
bool looks_like_bundle(const std::string &path);
// Of a bundle that there is not: "; did you mean 'model.mb'?", from what lies beside it, or from the folders alone; or nothing.
enum class Nearby { bundles, folders };
std::string bundle_nearby(const std::string &path, Nearby = Nearby::bundles);
// What f throws, with that: where f opens what `path` names.
template <class F>
auto naming_nearby(const std::string &path, F &&f, Nearby kind = Nearby::bundles) {
  try {
    return f();
  } catch (const mrun::failure &e) { throw mrun::failure(e.code, e.what() + bundle_nearby(path, kind), e.detail); }
}
// The same file, by whatever names; false where one of them is not there.
bool same_file(const std::string &a, const std::string &b);
// Throws USAGE where - stands for a file that is to be written: one of that name would be made, which nobody means.
void want_named(const char *option, const std::string &path);
// Throws USAGE where a file that is to be written is the bundle.
void want_apart(const char *option, const std::string &output, const std::string &bundle);
// What the core's files throw, as the command's other errors are.
template <class F>
void with_files(F &&f) {
  try {
    f();
  } catch (const mrun::Error &e) { throw mrun::failure(e.code, e.message); }
}
// Where links lead, to a file that is not there yet, too: what is written takes that one's place, the link stays. Throws IO.
std::string target_of(const std::string &path);
// What lies below a folder and is no folder, by name, so that a run is the same everywhere. Hidden ones are left out; what
// cannot be read, a folder too, is listed, for reading it says why.
std::vector<std::string> walk(const std::string &folder);

}  // namespace command
