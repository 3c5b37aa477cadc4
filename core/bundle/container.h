// The .mb container: a strict profile of ZIP of which every byte outside the payloads follows from the entries' names,
// sizes and CRCs. The writer's headers are pure functions; the reader makes them again and compares. FORMAT.md has the
// bytes and the numbered rules.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "bundle/lock.h"
#include "bundle/source.h"

namespace mrun {

inline constexpr std::string_view format_text = "mrun-bundle 1\n";
inline constexpr uint64_t max_entries = uint64_t{1} << 20;
inline constexpr uint64_t max_directory = uint64_t{64} << 20;
inline constexpr uint64_t max_signature = uint64_t{64} << 20;

struct Item {  // an entry as the directory has it
  std::string name;
  uint64_t size = 0;
  uint32_t crc = 0;
  uint64_t header = 0;  // where its local header begins
  uint64_t start = 0;   // where its payload begins
};

uint64_t alignment(std::string_view name);  // of the payload: 4096 for weights, else 64
std::string local_header(std::string_view name, uint64_t size, uint32_t crc, uint64_t offset);
std::string central_header(std::string_view name, uint64_t size, uint32_t crc, uint64_t offset);
// ZIP64 record and locator where needed, then the end record, for a directory of `size` bytes that begins at `offset`.
std::string end_records(uint64_t count, uint64_t size, uint64_t offset);

// Names that can stand side by side on any file system.
class NameSet {
 public:
  // Adds a name, or says why not: "'A.txt' and 'a.txt' differ in case only".
  std::string add(std::string_view name);

 private:
  std::unordered_set<std::string> names_, folders_;  // lower case
};

class Container {
 public:
  // Rules 1 to 12. Throws BUNDLE with the source's name, what is wrong and what was wanted.
  explicit Container(std::shared_ptr<const Source>);
  const Source &source() const { return *source_; }
  const std::vector<Item> &items() const { return items_; }  // in the file's order
  const Item *find(std::string_view name) const;             // null if there is none
  const Lock &lock() const { return lock_; }                 // of the newest revision
  const std::string &lock_bytes() const { return lock_bytes_; }

  // Rule 13. A copy of the entry's bytes, its SHA-256 checked: throws VERIFY. As a read-only uint8 tensor, or as text.
  Tensor checked(const Item &, const std::string &sha256) const;
  std::string checked_text(const Item &, const std::string &sha256) const;
  // The hash alone, in pieces, of an entry of any size.
  void check(const Item &, const std::string &sha256) const;
  void check_all() const;  // every entry that the lock lists
  // bundle.sig as it is; none where there is none.
  std::optional<std::string> signatures() const;

 private:
  void read_directory();
  void read_lock();
  void check_signature_entry() const;

  std::shared_ptr<const Source> source_;
  std::vector<Item> items_;
  std::map<std::string_view, const Item *> by_name_;
  Lock lock_;
  std::string lock_bytes_;
};

}  // namespace mrun
