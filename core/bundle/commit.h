// A new revision of a .mb file: a new file beside the old one, then renamed over it. FORMAT.md, "Commit".
#pragma once
#include "bundle/writer.h"

namespace mrun {

struct Committed {
  Lock lock;  // of the new revision
  std::string digest;
  uint64_t size_before = 0, size = 0;  // of the file
};

// `lock` brings script, operations, packed_with and in revision message, author and time; number and parent are found.
// Payloads that the file has already are taken from it. A second writer waits for the first, then adds to what that one
// made. A process that has the old file open is not disturbed. On failure the file is as it was: BUNDLE (not a bundle,
// bad history), IO, USAGE where nothing differs from the newest revision, MISSING for Kept bytes that are not there.
Committed commit_revision(const std::filesystem::path &, const Contents &, const Lock &lock);

}  // namespace mrun
