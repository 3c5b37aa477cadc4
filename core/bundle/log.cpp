#include <algorithm>
#include <set>

#include "base/text.h"
#include "bundle/history.h"
#include "bundle/names.h"
#include "bundle/packed.h"

namespace mrun {
namespace {

using Size = std::optional<uint64_t>;

Size size_of(const std::optional<LockEntry> &entry) { return entry ? Size(entry->size) : Size(); }

std::vector<Change> everything(const Lock &lock) {
  std::vector<Change> changes;
  for (const auto &[name, entry] : lock.entries) {
    if (!is_machinery(name)) changes.push_back({name, {}, entry.size});
  }
  return changes;
}

// From the newest revision down, at the cost of what differs from one to the next.
class LogReader {
 public:
  explicit LogReader(const Container &container) : history_(container) {
    for (const auto &[name, entry] : container.lock().entries) held_.insert(entry.sha256);
  }

  std::vector<LogEntry> read(uint64_t newest) {
    std::vector<LogEntry> log;
    for (bool first = false; !first;) {
      first = history_.at_first();
      LogEntry e{history_.lock().revision, history_.digest(), {}, {gone_.begin(), gone_.end()}};
      e.changes = first ? everything(history_.lock()) : step();
      if (e.revision.number <= newest) log.push_back(std::move(e));
    }
    return log;
  }

 private:
  std::vector<Change> step() {
    std::vector<Change> changes;
    for (EntryChange &c : history_.step_back()) {
      if (is_machinery(c.name)) continue;
      gone_.erase(c.name);
      if (c.before && held_.count(c.before->sha256) == 0) gone_.insert(c.name);
      changes.push_back({std::move(c.name), size_of(c.before), size_of(c.after)});
    }
    std::sort(changes.begin(), changes.end(), [](const Change &a, const Change &b) { return a.path < b.path; });
    return changes;
  }

  History history_;
  std::set<std::string_view> held_;  // hashes of what the file has
  std::set<std::string> gone_;       // of the revision that is read
};

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
    fail(MRUN_MISSING, "{}: is a folder and has no revisions; a .mb file is wanted", printable(bundle.origin()));
  }
  return LogReader(packed->container()).read(packed->revision_lock().revision.number);
}

Value log_value(const std::vector<LogEntry> &log) {
  std::vector<Value> list;
  for (const LogEntry &e : log) list.push_back(entry_value(e));
  return Value::list(std::move(list));
}

}  // namespace mrun
