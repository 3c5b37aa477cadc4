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
  bool overlaps = false;  // begins inside another's bytes
};

class Archive {
 public:
  // Throws INPUT where the file ends with no directory, or with one that cannot be.
  explicit Archive(const Source &);
  const std::vector<ArchiveEntry> &entries() const { return entries_; }
  // Whether those who look for the directory before the end record see another than those who go by its offset.
  bool ambiguous() const { return ambiguous_; }
  // An entry's bytes, at most `most` of them. Throws INPUT: encrypted, of an unknown method, damaged, outside the file.
  std::string read(const ArchiveEntry &, size_t most) const;

 private:
  struct Place {
    uint64_t count, size, offset;
    uint64_t end;        // where it must end: the first of the end records
    uint64_t end64 = 0;  // where a ZIP64 end record is said to be
    bool is_wide = false;
  };
  Place find_directory() const;
  void find_shift(const Place &);
  ArchiveEntry next(const std::string &directory, size_t &at) const;
  void mark_overlaps();
  std::string inflated(uint64_t start, uint64_t packed, size_t most) const;

  const Source &source_;
  uint64_t shift_ = 0;  // bytes that stand before what the offsets count from
  bool ambiguous_ = false;
  std::vector<ArchiveEntry> entries_;
};

bool ends_with_directory(const Source &);  // whether it may be an archive at all

}  // namespace mrun
