// How a file keeps the locks of earlier revisions: each by its differences from the next.
#include "base/error.h"
#include "base/text.h"
#include "bundle/lock.h"
#include "bundle/names.h"
#include "value/equal.h"
#include "value/json.h"

namespace mrun {
namespace {

using Map = std::vector<std::pair<std::string, Value>>;

// What `map` has otherwise than `base`; null: it has no such key.
Map differences(const Value &map, const Value &base) {
  Map changes;
  for (const Entry &e : map.as_map()) {
    const Value *there = base.find(e.key());
    if (there == nullptr || !equal(*there, e.value())) changes.emplace_back(e.key(), e.value());
  }
  for (const Entry &e : base.as_map()) {
    if (map.find(e.key()) == nullptr) changes.emplace_back(e.key(), Value());
  }
  return changes;
}

Map applied(const Value &changes, const Value &base) {
  Map map;
  for (const Entry &e : base.as_map()) {
    if (changes.find(e.key()) == nullptr) map.emplace_back(e.key(), e.value());
  }
  for (const Entry &e : changes.as_map()) {
    if (!e.value().is_nil()) map.emplace_back(e.key(), e.value());
  }
  return map;
}

// Entries are compared one by one, everything else as a whole.
Value split_entries(const Value &lock, Value &entries) {
  Map rest;
  for (const Entry &e : lock.as_map()) {
    if (e.key() == "entries")
      entries = e.value();
    else
      rest.emplace_back(e.key(), e.value());
  }
  return Value::map(std::move(rest));
}

Value join_entries(Map rest, Map entries) {
  rest.emplace_back("entries", Value::map(std::move(entries)));
  return Value::map(std::move(rest));
}

}  // namespace

std::string shorten_lock(const Lock &earlier, const Lock &next) {
  Value entries, next_entries;
  const Value rest = split_entries(lock_value(earlier), entries);
  const Value next_rest = split_entries(lock_value(next), next_entries);
  return canonical_json(join_entries(differences(rest, next_rest), differences(entries, next_entries)));
}

namespace {

// Everything of a lock but its entries, with the changes.
Lock header_before(const Lock &next, const Value &changes, const std::string &where) {
  Lock header = next;
  header.entries.clear();
  Value none;
  Map map = applied(changes, split_entries(lock_value(header), none));
  map.emplace_back("entries", Value::map({}));
  return decode_lock_map(Value::map(std::move(map)), where);
}

}  // namespace

std::vector<EntryChange> step_back(Lock &lock, std::string_view shortened, const std::string &where) {
  const Value all = parse_json(shortened, {.name = where, .code = MRUN_BUNDLE, .depth = max_lock_depth});
  Value entries;
  if (!all.is_map()) fail(MRUN_BUNDLE, "{}: want an object", where);
  const Value rest = split_entries(all, entries);
  if (!entries.is_map()) fail(MRUN_BUNDLE, "{}: entries: want an object", where);
  Lock::Entries kept = std::move(lock.entries);
  lock.entries.clear();
  lock = header_before(lock, rest, where);
  lock.entries = std::move(kept);
  std::vector<EntryChange> changes;
  for (const Entry &e : entries.as_map()) {
    EntryChange change{std::string(e.key()), {}, {}};
    const auto there = lock.entries.find(change.name);
    if (there != lock.entries.end()) change.after = there->second;
    if (!e.value().is_nil()) {
      const std::string here = where + ": entries: " + printable(change.name);
      if (!good_name(change.name)) fail(MRUN_BUNDLE, "{}: is no name of an entry", here);
      change.before = decode_lock_entry(e.value(), here);
      lock.entries[change.name] = *change.before;
    } else if (there != lock.entries.end()) {
      lock.entries.erase(there);
    }
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<EntryChange> entry_changes(const Lock &before, const Lock &after) {
  std::vector<EntryChange> changes;
  for (const auto &[name, entry] : before.entries) {
    const auto found = after.entries.find(name);
    if (found == after.entries.end()) {
      changes.push_back({name, entry, {}});
    } else if (!(found->second == entry)) {
      changes.push_back({name, entry, found->second});
    }
  }
  for (const auto &[name, entry] : after.entries) {
    if (before.entries.find(name) == before.entries.end()) changes.push_back({name, {}, entry});
  }
  return changes;
}

}  // namespace mrun
