// How a file keeps the locks of earlier revisions: each by its differences from the next.
#include "base/error.h"
#include "base/text.h"
#include "bundle/lock.h"
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

std::string expand_lock(std::string_view shortened, const Lock &next, const std::string &where) {
  const Value changes = parse_json(shortened, {.name = where, .code = MRUN_BUNDLE, .depth = max_lock_depth});
  Value entries, next_entries;
  if (!changes.is_map()) fail(MRUN_BUNDLE, "{}: want an object", where);
  const Value rest = split_entries(changes, entries);
  if (!entries.is_map()) fail(MRUN_BUNDLE, "{}: entries: want an object", where);
  const Value next_rest = split_entries(lock_value(next), next_entries);
  return canonical_json(join_entries(applied(rest, next_rest), applied(entries, next_entries)));
}

}  // namespace mrun
