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

// The revisions from the newest down, one at a time. A step costs what differs between two of them.
//
// Each lock has, made whole, the SHA-256 that the one after it names as its parent, so that no chain has a gap or a
// circle. To make them whole grows with the square of their number: `all` is for who asks for every hash; else that is
// checked of as many of the newest as make 32 MiB, and all are what the newest lock's hashes cover. Throws BUNDLE.
class History {
 public:
  enum class Check { newest, all };
  explicit History(const Container &, Check = Check::newest);
  const Lock &lock() const { return lock_; }
  const std::string &digest() const { return digest_; }
  bool at_first() const { return lock_.revision.number == 1; }
  // To the revision before; gives the entries that differ.
  std::vector<EntryChange> step_back();

 private:
  void check_digest(const std::string &where, uint64_t next);

  const Container &container_;
  const Check check_;
  Lock lock_;
  std::string digest_;
  size_t checked_ = 0;  // bytes
};
void check_history(const Container &);  // all of it
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
