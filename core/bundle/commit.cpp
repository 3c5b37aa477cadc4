#include "bundle/commit.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <set>
#include <system_error>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "bundle/history.h"
#include "bundle/names.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t small_size = uint64_t{1} << 20;
constexpr uint64_t probe_size = uint64_t{64} << 10, probes = 16;

// Holds the lock on the file that is at `path` now, not on one that another writer has replaced meanwhile.
UniqueFd open_locked(const fs::path &path) {
  for (;;) {
    UniqueFd fd = open_file(path, MRUN_BUNDLE);
    int result;
    do result = ::flock(fd.get(), LOCK_EX);
    while (result != 0 && errno == EINTR);
    if (result != 0) fail_errno(errno, path.native(), "lock");
    struct stat held {
    }, there{};
    if (::fstat(fd.get(), &held) != 0) fail_errno(errno, path.native(), "read its status");
    if (::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino && held.st_dev == there.st_dev) return fd;
  }
}

class Committer {
 public:
  Committer(const fs::path &path, const Contents &contents, const Lock &lock)
      : path_(path),
        source_(file_source(open_locked(path), path.native())),
        old_(source_),
        history_(read_history(old_)),
        contents_(contents),
        lock_(lock) {
    for (const auto &[name, entry] : old_.lock().entries) by_hash_.emplace(entry.sha256, old_.find(name));
  }

  Committed run() {
    check_names(contents_);
    for (;;) {
      try {
        return attempt();
      } catch (const Changed &) { steps_.clear(); }
    }
  }

 private:
  using ByHash = std::unordered_map<std::string_view, const Item *>;
  struct Step {                  // one of the two
    const Item *item = nullptr;  // bytes of the old file
    Content content;
    LockEntry entry;  // of item
  };

  Committed attempt() {
    plan_contents();
    refuse_no_change();
    plan_history();
    Committed result;
    result.lock = lock_;
    result.lock.revision.number = old_.lock().revision.number + 1;
    result.lock.revision.parent = history_.front().digest;
    result.size_before = source_->size();
    write_file_atomic(path_, [&](int fd) { write(fd, result); });
    return result;
  }

  void keep(const std::string &name, const Item &item, const std::string &sha256) {
    steps_[name] = {&item, {}, {item.size, sha256}};
  }

  void plan_contents() {
    keep("format", *old_.find("format"), old_.lock().entries.find("format")->second.sha256);
    for (const auto &[name, content] : contents_) {
      if (const auto *kept = std::get_if<Kept>(&content)) {
        const auto found = by_hash_.find(kept->sha256);
        if (found == by_hash_.end()) {
          fail(MRUN_MISSING, "{}: {}: the bytes to keep are not in the file any more; another commit came first",
               printable(path_.native()), name);
        }
        keep(name, *found->second, kept->sha256);
      } else if (unchanged(name, content)) {
        keep(name, *old_.find(name), old_.lock().entries.find(name)->second.sha256);
      } else if (const auto known = find_known(content); known != by_hash_.end()) {
        keep(name, *known->second, std::string(known->first));
      } else {
        steps_[name].content = content;
      }
    }
  }

  // Whether the entry of that name has the same bytes: comparing is several times faster than hashing. Of large ones a
  // few places are compared at once, the rest while the new file is written; settle() has the last word.
  bool unchanged(const std::string &name, const Content &content) {
    const Item *item = old_.find(name);
    std::shared_ptr<const Source> source = content_source(content);
    if (item == nullptr || item->size != source->size() || changed_.count(name) != 0) return false;
    if (item->size <= small_size) return equal(*item, *source, 0, item->size);
    for (uint64_t i = 0; i < probes; ++i) {
      if (!equal(*item, *source, (item->size - probe_size) / (probes - 1) * i, probe_size)) return false;
    }
    comparisons_[name] =
        std::async(std::launch::async, [this, item, source] { return equal(*item, *source, 0, item->size); });
    return true;
  }

  bool equal(const Item &item, const Source &other, uint64_t from, uint64_t size) const {
    std::string x(std::min<uint64_t>(size, probe_size), '\0'), y = x;
    for (uint64_t at = from; at < from + size; at += x.size()) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(x.size(), from + size - at));
      source_->read(item.start + at, x.data(), n);
      other.read(at, y.data(), n);
      if (std::memcmp(x.data(), y.data(), n) != 0) return false;
    }
    return true;
  }

  struct Changed {};

  // Waits for the comparisons; if one was taken for unchanged and is not, run() starts over.
  void settle() {
    bool all = true;
    for (auto &[name, comparison] : comparisons_) {
      if (comparison.get()) continue;
      changed_.insert(name);
      all = false;
    }
    comparisons_.clear();
    if (!all) throw Changed();
  }

  // Small files may be back from an earlier revision, or have another name now.
  ByHash::const_iterator find_known(const Content &content) const {
    const auto source = content_source(content);
    if (source->size() > small_size) return by_hash_.end();
    Sha256 hash;
    for_chunks(*source, 0, source->size(), [&](std::string_view bytes) { hash.update(bytes); });
    const auto found = by_hash_.find(hash.hex());
    return found != by_hash_.end() && found->second->size == source->size() ? found : by_hash_.end();
  }

  void refuse_no_change() {
    size_t files = 0;
    for (const auto &[name, entry] : old_.lock().entries) files += !is_history(name);
    const bool all_kept = std::all_of(steps_.begin(), steps_.end(), [&](const auto &s) {
      return s.second.item != nullptr && s.second.item->name == s.first;
    });
    if (!all_kept || files != steps_.size() || lock_.operations != old_.lock().operations ||
        lock_.script != old_.lock().script) {
      return;
    }
    settle();
    fail(MRUN_USAGE, "{}: nothing differs from revision {}, so there is nothing to commit", printable(path_.native()),
         old_.lock().revision.number);
  }

  // The locks of all revisions so far, and what only they use; weights are not kept.
  void plan_history() {
    for (const auto &[name, entry] : old_.lock().entries) {
      if (name.starts_with("history/locks/")) keep(name, *old_.find(name), entry.sha256);
    }
    const uint64_t number = old_.lock().revision.number;
    steps_[lock_name(number)].content = old_.lock_bytes();
    if (const Item *signature = old_.find("bundle.sig")) {
      steps_[fmt::format("history/locks/{}.sig", number)].content =
          source_->read(signature->start, static_cast<size_t>(signature->size));
    }
    std::set<std::string_view> present;
    for (const auto &[name, step] : steps_) {
      if (step.item != nullptr && !is_history(name)) present.insert(step.entry.sha256);
    }
    for (const RevisionLock &revision : history_) {
      for (const auto &[name, entry] : revision.lock.entries) {
        if (is_machinery(name) || is_weights(name) || !present.insert(entry.sha256).second) continue;
        const auto found = by_hash_.find(entry.sha256);
        if (found != by_hash_.end()) keep(object_name(entry.sha256), *found->second, entry.sha256);
      }
    }
  }

  void write(int fd, Committed &result) {
    const std::string name = path_.native();
    ContainerWriter writer(fd, name);
    std::vector<const std::string *> order;
    for (const auto &[step_name, step] : steps_) order.push_back(&step_name);
    std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) { return canonical_less(*a, *b); });
    Lock &lock = result.lock;
    lock.entries.clear();
    for (const std::string *entry : order) {
      const Step &step = steps_.find(*entry)->second;
      if (step.item == nullptr) {
        lock.entries[*entry] = writer.add(*entry, step.content);
        continue;
      }
      Item item = *step.item;
      item.name = *entry;
      writer.add_range(item, *source_);
      lock.entries[*entry] = step.entry;
    }
    settle();
    ContainerWriter::End end = writer.finish(lock);
    result.digest = std::move(end.digest);
    result.size = end.size;
  }

  const fs::path path_;
  const std::shared_ptr<const Source> source_;
  const Container old_;
  const std::vector<RevisionLock> history_;  // newest first
  const Contents &contents_;
  const Lock &lock_;  // the caller's part
  ByHash by_hash_;
  std::map<std::string, Step> steps_;
  std::set<std::string> changed_;  // found so by settle()
  std::map<std::string, std::future<bool>> comparisons_;
};

}  // namespace

Committed commit_revision(const fs::path &path, const Contents &contents, const Lock &lock) {
  if (!valid_utf8(lock.revision.message) || !valid_utf8(lock.revision.author)) {
    fail(MRUN_USAGE, "the message or author is not UTF-8");
  }
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) fail(MRUN_BUNDLE, "{}: no such file", printable(path.native()));
  return Committer(real, contents, lock).run();
}

}  // namespace mrun
