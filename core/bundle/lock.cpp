#include "bundle/lock.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"
#include "base/text.h"
#include "bundle/container.h"
#include "bundle/names.h"
#include "value/json.h"

namespace mrun {
namespace {

// A map of the lock: every key must be one of those that are asked for.
class Reader {
 public:
  Reader(const Value &map, std::string where) : map_(map), where_(std::move(where)) {
    if (!map.is_map()) refuse("", "want an object");
  }

  [[noreturn]] void refuse(std::string_view key, std::string_view why) const {
    fail(MRUN_BUNDLE, "{}{}{}: {}", where_, key.empty() ? "" : ": ", printable(key), why);
  }

  const Value &get(std::string_view key, bool (Value::*is)() const noexcept, const char *wanted) {
    ++taken_;
    const Value *v = map_.find(key);
    if (v == nullptr || !(v->*is)()) refuse(key, fmt::format("want {}", wanted));
    return *v;
  }
  std::string string(std::string_view key) { return std::string(get(key, &Value::is_string, "a string").as_string()); }
  std::string optional_string(std::string_view key) {
    if (map_.find(key) == nullptr) return {};
    std::string text = string(key);
    if (text.empty()) refuse(key, "is empty; want a text or no such key");
    return text;
  }
  int64_t integer(std::string_view key, int64_t low) {
    const int64_t n = get(key, &Value::is_int, "an integer").as_int();
    if (n < low) refuse(key, fmt::format("want an integer from {}", low));
    return n;
  }

  void finish(std::initializer_list<std::string_view> known) const {
    if (taken_ == map_.as_map().size()) return;
    for (const Entry &e : map_.as_map()) {
      if (std::find(known.begin(), known.end(), e.key()) == known.end()) refuse(e.key(), "no such key in format 1");
    }
  }

 private:
  const Value &map_;
  const std::string where_;
  size_t taken_ = 0;
};

void decode_entries(const Value &map, const std::string &where, Lock &lock) {
  NameSet names;
  for (const Entry &e : map.as_map()) {
    const std::string name(e.key());
    const std::string here = where + ": entries: " + printable(name);
    if (!good_name(name) || name == "bundle.lock" || name == "bundle.sig") {
      fail(MRUN_BUNDLE, "{}: is no name of an entry", here);
    }
    if (const std::string conflict = names.add(name); !conflict.empty()) fail(MRUN_BUNDLE, "{}: {}", where, conflict);
    lock.entries.emplace_hint(lock.entries.end(), name, decode_lock_entry(e.value(), here));
  }
}

std::vector<ModelFacts> decode_models(const Value &map, const std::string &where) {
  std::vector<ModelFacts> models;
  for (const Entry &e : map.as_map()) {
    const std::string here = where + ": models: " + printable(e.key());
    if (!is_identifier(e.key())) fail(MRUN_BUNDLE, "{}: is no name of a model", here);
    Reader r(e.value(), here);
    ModelFacts model{std::string(e.key()), r.string("backend"), {}};
    for (const Value &v : r.get("methods", &Value::is_list, "a list").as_list()) {
      if (!v.is_string() || v.as_string().empty()) r.refuse("methods", "want schemas of methods");
      model.methods.emplace_back(v.as_string());
    }
    r.finish({"backend", "methods"});
    models.push_back(std::move(model));
  }
  return models;
}

Value models_value(const std::vector<ModelFacts> &models) {
  std::vector<std::pair<std::string, Value>> map;
  for (const ModelFacts &m : models) {
    std::vector<Value> methods;
    for (const std::string &schema : m.methods) methods.push_back(Value::string(schema));
    map.emplace_back(m.name, Value::map({{"backend", Value::string(m.backend)}, {"methods", Value::list(methods)}}));
  }
  return Value::map(std::move(map));
}

Revision decode_revision(const Value &value, const std::string &where) {
  Reader r(value, where + ": revision");
  Revision revision;
  revision.number = static_cast<uint64_t>(r.integer("number", 1));
  if (revision.number == 1) {
    r.get("parent", &Value::is_nil, "null for the first revision");
  } else {
    revision.parent = r.string("parent");
    if (!is_digest(revision.parent)) r.refuse("parent", "want 64 lower-case hex digits");
  }
  revision.message = r.string("message");
  revision.author = r.optional_string("author");
  revision.time = r.optional_string("time");
  if (!revision.time.empty() && !valid_time(revision.time)) r.refuse("time", "want YYYY-MM-DDTHH:MM:SSZ");
  r.finish({"number", "parent", "message", "author", "time"});
  return revision;
}

void check_plain(const Value &value, const std::string &where) {
  if (value.is_float()) fail(MRUN_BUNDLE, "{}: a number with a fraction; want an integer or a string", where);
  if (value.is_list()) {
    for (const Value &v : value.as_list()) check_plain(v, where);
  } else if (value.is_map()) {
    for (const Entry &e : value.as_map()) check_plain(e.value(), where);
  }
}

}  // namespace

std::string canonical_json(const Value &value) {
  JsonOptions options;
  options.style = JsonOptions::Style::canonical;
  options.code = MRUN_BUNDLE;
  options.name = "bundle.lock";
  return to_json(value, options);
}

bool is_digest(std::string_view s) {
  return s.size() == 64 &&
         std::all_of(s.begin(), s.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool valid_time(std::string_view s) {
  constexpr std::string_view shape = "0000-00-00T00:00:00Z";
  if (s.size() != shape.size()) return false;
  for (size_t i = 0; i < s.size(); ++i) {
    if (shape[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i]) return false;
  }
  const auto two = [&](size_t at) { return (s[at] - '0') * 10 + (s[at + 1] - '0'); };
  const std::array<int, 12> days{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int month = two(5), day = two(8);
  return month >= 1 && month <= 12 && day >= 1 && day <= days[static_cast<size_t>(month - 1)] && two(11) < 24 &&
         two(14) < 60 && two(17) < 60;
}

Value size_value(const std::optional<uint64_t> &bytes) {
  return bytes ? Value::integer(static_cast<int64_t>(*bytes)) : Value();
}

Value revision_value(const Revision &r) {
  std::vector<std::pair<std::string, Value>> map{{"number", Value::integer(static_cast<int64_t>(r.number))},
                                                 {"parent", r.parent.empty() ? Value() : Value::string(r.parent)},
                                                 {"message", Value::string(r.message)}};
  if (!r.author.empty()) map.emplace_back("author", Value::string(r.author));
  if (!r.time.empty()) map.emplace_back("time", Value::string(r.time));
  return Value::map(std::move(map));
}

namespace {

Value header_value(const Lock &lock, Value entries) {
  std::vector<Value> operations;
  for (const std::string &name : lock.operations) operations.push_back(Value::string(name));
  std::vector<std::pair<std::string, Value>> map{
      {"format", Value::integer(1)},     {"script", Value::integer(lock.script)},
      {"entries", std::move(entries)},   {"operations", Value::list(std::move(operations))},
      {"packed_with", lock.packed_with}, {"revision", revision_value(lock.revision)}};
  if (!lock.models.empty()) map.emplace_back("models", models_value(lock.models));
  return Value::map(std::move(map));
}

}  // namespace

Value lock_value(const Lock &lock) {
  std::vector<std::pair<std::string, Value>> entries;
  entries.reserve(lock.entries.size());
  for (const auto &[name, e] : lock.entries) {
    entries.emplace_back(name, Value::map({{"sha256", Value::string(e.sha256)},
                                           {"size", Value::integer(static_cast<int64_t>(e.size))}}));
  }
  return header_value(lock, Value::map(std::move(entries)));
}

LockEntry decode_lock_entry(const Value &value, const std::string &where) {
  Reader r(value, where);
  LockEntry entry;
  entry.size = static_cast<uint64_t>(r.integer("size", 0));
  entry.sha256 = r.string("sha256");
  r.finish({"size", "sha256"});
  if (!is_digest(entry.sha256)) r.refuse("sha256", "want 64 lower-case hex digits");
  return entry;
}

std::string encode_lock(const Lock &lock) {
  // Nearly all of a long lock are its entries, whose names and hashes need no escapes.
  std::string rest = canonical_json(header_value(lock, Value::map({})));
  constexpr std::string_view begin = "{\n \"entries\": {";
  if (lock.entries.empty() || !rest.starts_with(begin)) return rest;
  std::string text(begin);
  text.reserve(rest.size() + lock.entries.size() * 160);
  for (const auto &[name, e] : lock.entries) {
    if (text.size() > begin.size()) text += ',';
    fmt::format_to(std::back_inserter(text), "\n  \"{}\": {{\n   \"sha256\": \"{}\",\n   \"size\": {}\n  }}", name,
                   e.sha256, e.size);
  }
  return text + "\n " + rest.substr(begin.size());
}

Lock decode_lock(std::string_view bytes, const std::string &where) {
  const Value value = parse_json(bytes, {.name = where, .code = MRUN_BUNDLE, .depth = max_lock_depth});
  Lock lock = decode_lock_map(value, where);
  if (canonical_json(value) != bytes)
    fail(MRUN_BUNDLE, "{}: is not in canonical form (order, spaces or escapes)", where);
  return lock;
}

Lock decode_lock_map(const Value &value, const std::string &where) {
  Reader r(value, where);
  if (r.integer("format", 1) != 1) r.refuse("format", "this mrun reads format 1; a newer mrun is wanted");
  Lock lock;
  lock.script = r.integer("script", 1);
  decode_entries(r.get("entries", &Value::is_map, "an object"), where, lock);
  for (const Value &v : r.get("operations", &Value::is_list, "a list").as_list()) {
    if (!v.is_string() || v.as_string().empty()) r.refuse("operations", "want names of operations");
    if (!lock.operations.empty() && lock.operations.back() >= v.as_string()) {
      r.refuse("operations", "want each once, sorted by bytes");
    }
    lock.operations.emplace_back(v.as_string());
  }
  lock.packed_with = r.get("packed_with", &Value::is_map, "an object");
  check_plain(lock.packed_with, where + ": packed_with");
  if (value.find("models") != nullptr) {
    lock.models = decode_models(r.get("models", &Value::is_map, "an object"), where);
    if (lock.models.empty()) r.refuse("models", "is empty; want models or no such key");
  }
  lock.revision = decode_revision(r.get("revision", &Value::is_map, "an object"), where);
  r.finish({"format", "script", "entries", "operations", "packed_with", "models", "revision"});
  return lock;
}

}  // namespace mrun
