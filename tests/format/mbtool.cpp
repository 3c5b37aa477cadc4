// core/bundle from a command line, for test_format.py: files only, nothing is run.
//   mbtool write FOLDER OUT.mb | check FILE.mb [REVISION] | unpack FILE.mb FOLDER | commit FILE.mb FOLDER MESSAGE
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "bundle/commit.h"
#include "bundle/folder.h"
#include "bundle/unpack.h"

using namespace mrun;

namespace {

Contents contents_of(const std::string &path) {
  const Folder folder(path, {});
  Contents contents;
  for (const EntryInfo &e : folder.entries()) contents.emplace(e.path, folder.path_of(e.path));
  return contents;
}

int run(const std::vector<std::string> &args) {
  if (args.size() == 3 && args[0] == "write") {
    std::puts(write_bundle(args[2], contents_of(args[1]), {}).digest.c_str());
  } else if ((args.size() == 2 || args.size() == 3) && args[0] == "check") {
    const auto bundle = Bundle::open(args[1], {.revision = args.size() == 3 ? args[2] : "", .verify = true});
    for (const EntryInfo &e : bundle->entries()) bundle->read(e.path);
    std::puts(bundle->digest().c_str());
  } else if (args.size() == 3 && args[0] == "unpack") {
    unpack(*Bundle::open(args[1]), args[2]);
  } else if (args.size() == 4 && args[0] == "commit") {
    Lock lock;
    lock.revision.message = args[3];
    std::puts(commit_revision(args[1], contents_of(args[2]), lock).digest.c_str());
  } else {
    return 2;
  }
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const Error &e) {
    std::fprintf(stderr, "%s: %s\n", code_name(e.code), e.message.c_str());
    return 1;
  }
}
