// The revisions of a packed bundle: history/locks/N.lock are the locks of earlier ones, as differences, and
// history/objects/SHA256 the files that only earlier ones use. FORMAT.md, "History".
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/bundle.h"
#include "bundle/container.h"

namespace mrun {

struct RevisionLock {
  Lock lock;
  std::string digest;
};

std::string lock_name(uint64_t number);              // "history/locks/3.lock"
std::string object_name(const std::string &sha256);  // "history/objects/…"

// The revisions from the newest down to `last`, each checked against the `parent` of the one after it, so that no chain
// has a gap or a circle. Throws BUNDLE.
std::vector<RevisionLock> read_history(const Container &, uint64_t last = 1);
// "3", or at least 7 digits of a digest. Throws MISSING, naming the revisions there are.
RevisionLock find_revision(const Container &, std::string_view which);

// One file of a revision against the revision before it.
struct Change {
  std::string path;
  std::optional<uint64_t> before, after;  // sizes; none: the file was not there
};
struct LogEntry {
  Revision revision;
  std::string digest;
  std::vector<Change> changes;    // by path; of the first revision: everything, as added
  std::vector<std::string> gone;  // weights that the file does not hold any more
};
// From the revision that was opened down to the first. Throws USAGE for a folder, BUNDLE for a damaged history.
std::vector<LogEntry> read_log(const Bundle &);
// [{"number", "digest", "parent", "message", "author"?, "time"?, "changes": [{"path", "before", "after"}], "gone": []}]
Value log_value(const std::vector<LogEntry> &);

}  // namespace mrun
