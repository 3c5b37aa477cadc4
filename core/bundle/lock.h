// bundle.lock: what a revision consists of, as canonical JSON. Its SHA-256 is the bundle's digest. FORMAT.md, "Lock".
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "value/value.h"

namespace mrun {

inline constexpr uint64_t max_lock = uint64_t{64} << 20;  // bytes
inline constexpr size_t max_lock_depth = 16;              // lists and objects in each other

struct LockEntry {
  uint64_t size = 0;
  std::string sha256;  // 64 lower-case hex digits
  friend bool operator==(const LockEntry &, const LockEntry &) = default;
};

struct Revision {
  uint64_t number = 1;
  std::string parent;   // digest of the revision before it; empty for the first
  std::string message;  // UTF-8
  std::string author;   // empty: not given
  std::string time;     // "2026-01-31T12:00:00Z"; empty: not given
};

// A model as its backend describes it, so that it can be shown without loading anything.
struct ModelFacts {
  std::string name, backend;
  std::vector<std::string> methods;  // schemas in the backend's order: "forward(Tensor ids) -> Tensor"
  friend bool operator==(const ModelFacts &, const ModelFacts &) = default;
};

struct Lock {
  int64_t script = 1;  // version of the interface that scripts see
  using Entries = std::map<std::string, LockEntry, std::less<>>;
  Entries entries;
  std::vector<std::string> operations;  // "image.resize@1", sorted
  Value packed_with = Value::map({});   // versions: strings, integers, booleans, lists, maps
  std::vector<ModelFacts> models;       // by name; empty: not kept
  Revision revision;
};

// The canonical bytes: JsonOptions::Style::canonical.
std::string encode_lock(const Lock &);
std::string canonical_json(const Value &);
// Refuses anything that is not the canonical bytes of a lock; BUNDLE, with `where` in front.
Lock decode_lock(std::string_view bytes, const std::string &where);
// An earlier revision's lock as the file keeps it: what it has otherwise than the next one's. FORMAT.md, "History".
std::string shorten_lock(const Lock &earlier, const Lock &next);
// An entry that two neighbouring revisions have otherwise; none: not there.
struct EntryChange {
  std::string name;
  std::optional<LockEntry> before, after;
};
// Makes of a lock the one before it, and gives the entries that differ. It costs what differs, not what there is. Whether
// it is the one that the lock named as its parent is for the caller to check. Throws BUNDLE with `where` in front.
std::vector<EntryChange> step_back(Lock &, std::string_view shortened, const std::string &where);
// What differs, where the earlier lock was kept whole.
std::vector<EntryChange> entry_changes(const Lock &before, const Lock &after);
Value lock_value(const Lock &);  // as a map, for people
// For the parts of a lock that stand alone. Throw BUNDLE with `where` in front.
LockEntry decode_lock_entry(const Value &, const std::string &where);
Lock decode_lock_map(const Value &, const std::string &where);
Value revision_value(const Revision &);
Value size_value(const std::optional<uint64_t> &bytes);  // null where there is no such file
bool valid_time(std::string_view);                       // "2026-01-31T12:00:00Z"
bool is_digest(std::string_view);                        // 64 lower-case hex digits

}  // namespace mrun
