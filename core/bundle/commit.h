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

// Payloads that the file has already are taken from it. A second writer waits for the first, then adds to what that one
// made. A process that has the old file open is not disturbed. On failure the file is as it was: BUNDLE (not a bundle,
// bad history), IO, USAGE where nothing differs from the newest revision, MISSING for Kept bytes that are not there.
Committed commit_revision(const std::filesystem::path &, Contents, Lock);
// The same in less time: the weights (all of them, nothing else) are copied by a second thread while `rest` finds out,
// in the caller's, everything else. What `rest` throws leaves the file as it was, too.
Committed commit_overlapped(const std::filesystem::path &, const Contents &weights,
                            const std::function<NextRevision()> &rest);
Contents take_weights(Contents &);  // out of all contents

}  // namespace mrun
