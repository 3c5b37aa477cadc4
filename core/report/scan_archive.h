// Any ZIP file as those who load it see it: by its directory, wherever that lies. Nothing is believed that memory or time
// depends on.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bundle/source.h"

namespace mrun {

struct ArchiveEntry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint64_t packed = 0, size = 0, header = 0;
};

class Archive {
 public:
  // Throws INPUT where the file ends with no directory, or with one that cannot be.
  explicit Archive(const Source &);
  const std::vector<ArchiveEntry> &entries() const { return entries_; }
  // An entry's bytes, at most `most` of them. Throws INPUT: encrypted, of an unknown method, damaged, outside the file.
  std::string read(const ArchiveEntry &, size_t most) const;

 private:
  struct Place {
    uint64_t count, size, offset;
  };
  Place find_directory() const;
  ArchiveEntry next(const std::string &directory, size_t &at) const;
  std::string inflated(std::string_view packed, size_t most) const;

  const Source &source_;
  uint64_t shift_ = 0;  // bytes that stand before what the offsets count from
  std::vector<ArchiveEntry> entries_;
};

bool ends_with_directory(const Source &);  // whether it may be an archive at all

}  // namespace mrun
