// A new revision of a .mb file: a new file beside the old one, then renamed over it. FORMAT.md, "Commit".
#pragma once
#include <functional>

#include "bundle/writer.h"

namespace mrun {

struct Committed {
  Lock lock;  // of the new revision
  std::string digest;
  uint64_t size_before = 0, size = 0;  // of the file
};

// What the caller brings: files, and of the lock script, operations, packed_with and in revision message, author and
// time; number and parent are found.
struct NextRevision {
  Contents contents;
  Lock lock;
};

// How a caller makes a revision in less time: `weights` runs in a second thread, which then writes what it gave, while
// `meanwhile` runs in the caller's. What any of them throws leaves the file as it was.
struct CommitSteps {
  std::function<Contents(const Container &before)> weights;  // all weights and nothing else
  std::function<void()> meanwhile;                           // may be empty
  // Everything else, with both done. `written`: the new weights' entries.
  std::function<NextRevision(const Lock &before, const Lock::Entries &written)> rest;
  std::function<void(int fd)> prove;  // the whole new file, before it takes the old one's place; may be empty
};

// Payloads that the file has already are taken from it. A second writer waits for the first, then adds to what that one
// made. A process that has the old file open is not disturbed. On failure the file is as it was: BUNDLE (not a bundle,
// bad history), IO, USAGE where nothing differs from the newest revision, MISSING for Kept bytes that are not there.
Committed commit_revision(const std::filesystem::path &, Contents, Lock);
Committed commit_revision(const std::filesystem::path &, const CommitSteps &);
Contents take_weights(Contents &);  // out of all contents

}  // namespace mrun
