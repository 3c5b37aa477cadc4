#include <algorithm>
#include <set>

#include "base/text.h"
#include "bundle/history.h"
#include "bundle/names.h"
#include "bundle/packed.h"

namespace mrun {
namespace {

std::vector<Change> changes_between(const Lock *before, const Lock &after) {
  std::vector<Change> changes;
  if (before != nullptr) {
    for (const auto &[name, entry] : before->entries) {
      if (!is_machinery(name) && after.entries.find(name) == after.entries.end()) {
        changes.push_back({name, entry.size, {}});
      }
    }
  }
  for (const auto &[name, entry] : after.entries) {
    if (is_machinery(name)) continue;
    if (before == nullptr) {
      changes.push_back({name, {}, entry.size});
      continue;
    }
    const auto old = before->entries.find(name);
    if (old == before->entries.end()) {
      changes.push_back({name, {}, entry.size});
    } else if (!(old->second == entry)) {
      changes.push_back({name, old->second.size, entry.size});
    }
  }
  std::sort(changes.begin(), changes.end(), [](const Change &a, const Change &b) { return a.path < b.path; });
  return changes;
}

Value size_value(const std::optional<uint64_t> &size) {
  return size ? Value::integer(static_cast<int64_t>(*size)) : Value();
}

Value entry_value(const LogEntry &e) {
  std::vector<std::pair<std::string, Value>> map{{"digest", Value::string(e.digest)}};
  const Value revision = revision_value(e.revision);
  for (const Entry &field : revision.as_map()) map.emplace_back(field.key(), field.value());
  std::vector<Value> changes, gone;
  for (const Change &c : e.changes) {
    changes.push_back(Value::map(
        {{"path", Value::string(c.path)}, {"before", size_value(c.before)}, {"after", size_value(c.after)}}));
  }
  for (const std::string &path : e.gone) gone.push_back(Value::string(path));
  map.emplace_back("changes", Value::list(std::move(changes)));
  map.emplace_back("gone", Value::list(std::move(gone)));
  return Value::map(std::move(map));
}

}  // namespace

std::vector<LogEntry> read_log(const Bundle &bundle) {
  const auto *packed = dynamic_cast<const Packed *>(&bundle);
  if (packed == nullptr) {
    fail(MRUN_USAGE, "{}: is a folder and has no revisions; a .mb file is wanted", printable(bundle.origin()));
  }
  std::vector<RevisionLock> revisions = read_history(packed->container());
  std::set<std::string_view> held;
  for (const auto &[name, entry] : packed->container().lock().entries) held.insert(entry.sha256);
  std::vector<LogEntry> log;
  for (size_t i = 0; i < revisions.size(); ++i) {
    const RevisionLock &r = revisions[i];
    if (r.lock.revision.number > packed->revision_lock().revision.number) continue;
    LogEntry e{r.lock.revision, r.digest, {}, {}};
    e.changes = changes_between(i + 1 < revisions.size() ? &revisions[i + 1].lock : nullptr, r.lock);
    for (const auto &[name, entry] : r.lock.entries) {
      if (!is_machinery(name) && held.count(entry.sha256) == 0) e.gone.push_back(name);
    }
    log.push_back(std::move(e));
  }
  return log;
}

Value log_value(const std::vector<LogEntry> &log) {
  std::vector<Value> list;
  for (const LogEntry &e : log) list.push_back(entry_value(e));
  return Value::list(std::move(list));
}

}  // namespace mrun
