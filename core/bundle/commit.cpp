#include "bundle/commit.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <set>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "bundle/history.h"
#include "bundle/models.h"
#include "bundle/names.h"

namespace mrun {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t small_size = uint64_t{1} << 20, chunk = uint64_t{64} << 10;

class Committer {
 public:
  explicit Committer(const fs::path &path)
      : path_(path), source_(file_source(open_locked(path), path.native())), old_(source_) {
    for (const auto &[name, entry] : old_.lock().entries) {
      const Item *const item = old_.find(name);
      by_hash_.emplace(entry.sha256, item);
      sizes_.insert(item->size);
      remember(name, entry);
    }
    for (History history(old_); !history.at_first();) {
      for (const EntryChange &c : history.step_back()) {
        if (c.before) remember(c.name, *c.before);
      }
    }
  }

  Committed run(const CommitSteps &steps) {
    Committed result;
    result.size_before = source_->size();
    write_file_atomic(path_, [&](int fd) {
      const std::string name = path_.native();
      ContainerWriter writer(fd, name);
      Lock::Entries entries = write_weights(writer, steps);
      next_ = steps.rest(old_.lock(), entries);
      check_next();
      plan_contents();
      refuse_no_change(entries);
      plan_history(entries);
      write_rest(writer, entries);
      result.lock = std::move(next_.lock);
      result.lock.entries = std::move(entries);
      result.lock.revision.number = old_.lock().revision.number + 1;
      result.lock.revision.parent = sha256_hex(old_.lock_bytes());
      ContainerWriter::End end = writer.finish(result.lock);
      result.digest = std::move(end.digest);
      result.size = end.size;
      if (steps.prove) steps.prove(fd);
    });
    return result;
  }

 private:
  using ByHash = std::unordered_map<std::string_view, const Item *>;
  struct Step {                  // one of the two
    const Item *item = nullptr;  // bytes of the old file
    Content content;
    LockEntry entry;  // of item
  };

  void remember(const std::string &name, const LockEntry &entry) {
    if (!is_machinery(name) && !is_weights(name)) used_.insert(entry.sha256);
  }

  // Weights come first in the file: they can be written before anything else is known.
  Lock::Entries write_weights(ContainerWriter &writer, const CommitSteps &steps) {
    std::future<Lock::Entries> written = std::async(std::launch::async, [&] {
      weights_ = steps.weights(old_);
      check_names(weights_);
      Lock::Entries entries;
      const Item &format = *old_.find("format");
      writer.add_range(format, *source_);
      entries["format"] = old_entry("format");
      std::vector<const std::string *> order;
      for (const auto &[name, content] : weights_) order.push_back(&name);
      std::sort(order.begin(), order.end(), before);
      for (const std::string *name : order) entries[*name] = write_weights_entry(writer, *name);
      writer.sync();
      // The rename frees the old file, and all that the system keeps of it: that takes long, and here is time.
      source_->forget(0, weights_end());
      return entries;
    });
    try {
      if (steps.meanwhile) steps.meanwhile();
    } catch (...) {
      writer.stop();
      written.wait();
      throw;
    }
    return written.get();
  }

  LockEntry write_weights_entry(ContainerWriter &writer, const std::string &name) {
    const Content &content = weights_.find(name)->second;
    if (const auto *kept = std::get_if<Kept>(&content)) {
      Item item = kept_item(name, *kept);
      item.name = name;
      writer.add_range(item, *source_);
      return {item.size, kept->sha256};
    }
    const Item *item = old_.find(name);
    const auto source = content_source(content);
    // Comparing is several times faster than hashing.
    if (item != nullptr && item->size == source->size() && writer.add_range(*item, *source_, source.get())) {
      return old_entry(name);
    }
    return writer.add(name, content);
  }

  uint64_t weights_end() const {
    uint64_t end = 0;
    for (const Item &item : old_.items()) {
      if (is_weights(item.name)) end = std::max(end, item.start + item.size);
    }
    return end;
  }

  void check_next() const {
    const Revision &revision = next_.lock.revision;
    if (!valid_utf8(revision.message) || !valid_utf8(revision.author)) {
      fail(MRUN_USAGE, "the message or author is not UTF-8");
    }
    if (!revision.time.empty() && !valid_time(revision.time)) {
      fail(MRUN_USAGE, "time {}: want YYYY-MM-DDTHH:MM:SSZ, a time that there is", printable(revision.time, 60));
    }
    Contents all;
    for (const auto &[name, content] : weights_) all.emplace(name, std::string());
    for (const auto &[name, content] : next_.contents) {
      if (is_weights(name)) fail(MRUN_INTERNAL, "{}: weights are wanted before everything else", name);
      all.emplace(name, std::string());
    }
    check_names(all);
  }

  const LockEntry &old_entry(std::string_view name) const { return old_.lock().entries.find(name)->second; }

  const Item &kept_item(const std::string &name, const Kept &kept) const {
    const auto found = by_hash_.find(kept.sha256);
    if (found == by_hash_.end()) {
      fail(MRUN_MISSING, "{}: {}: the bytes to keep are not in the file any more; another commit came first",
           printable(path_.native()), name);
    }
    return *found->second;
  }

  void keep(const std::string &name, const Item &item, const std::string &sha256) {
    steps_[name] = {&item, {}, {item.size, sha256}};
  }

  void plan_contents() {
    for (const auto &[name, content] : next_.contents) {
      if (const auto *kept = std::get_if<Kept>(&content)) {
        keep(name, kept_item(name, *kept), kept->sha256);
      } else if (unchanged(name, content)) {
        keep(name, *old_.find(name), old_entry(name).sha256);
      } else if (const auto known = find_known(content); known != by_hash_.end()) {
        keep(name, *known->second, std::string(known->first));
      } else {
        steps_[name].content = content;
      }
    }
  }

  // Whether the file has the same bytes under that name. Comparing is several times faster than hashing.
  bool unchanged(const std::string &name, const Content &content) const {
    const Item *item = old_.find(name);
    const auto source = content_source(content);
    if (item == nullptr || item->size != source->size()) return false;
    const PageBuffer x(chunk), y(chunk);
    for (uint64_t at = 0; at < item->size; at += chunk) {
      const auto n = static_cast<size_t>(std::min(chunk, item->size - at));
      source_->read(item->start + at, x.data(), n);
      source->read(at, y.data(), n);
      if (std::memcmp(x.data(), y.data(), n) != 0) return false;
    }
    return true;
  }

  // Files may be back from an earlier revision, or have another name now. Large ones are hashed where one of their size is
  // there.
  ByHash::const_iterator find_known(const Content &content) const {
    const auto source = content_source(content);
    if (source->size() > small_size && !sizes_.contains(source->size())) return by_hash_.end();
    const auto found = by_hash_.find(sha256_of(*source));
    return found != by_hash_.end() && found->second->size == source->size() ? found : by_hash_.end();
  }

  void refuse_no_change(const Lock::Entries &weights) const {
    Lock::Entries now = weights, before;
    for (const auto &[name, step] : steps_) {
      if (step.item == nullptr) return;
      now[name] = step.entry;
    }
    for (const auto &[name, entry] : old_.lock().entries) {
      if (!is_history(name)) before[name] = entry;
    }
    if (now != before || next_.lock.operations != old_.lock().operations || next_.lock.script != old_.lock().script) {
      return;
    }
    fail(MRUN_USAGE, "{}: nothing differs from revision {}, so there is nothing to commit", printable(path_.native()),
         old_.lock().revision.number);
  }

  // The locks of all revisions so far, and what only they use; weights are not kept: a file would grow by a model at every
  // training.
  void plan_history(const Lock::Entries &weights) {
    for (const auto &[name, entry] : old_.lock().entries) {
      if (name.starts_with("history/locks/")) keep(name, *old_.find(name), entry.sha256);
    }
    const uint64_t number = old_.lock().revision.number;
    if (const Item *signature = old_.find("bundle.sig")) {
      steps_[fmt::format("history/locks/{}.sig", number)].content =
          source_->read(signature->start, static_cast<size_t>(signature->size));
    }
    std::set<std::string_view> present;
    for (const auto &[name, entry] : weights) present.insert(entry.sha256);
    for (const auto &[name, step] : steps_) {
      if (step.item != nullptr && !is_history(name)) present.insert(step.entry.sha256);
    }
    for (const std::string &sha256 : used_) {
      const auto found = by_hash_.find(sha256);
      if (!present.insert(sha256).second || found == by_hash_.end()) continue;
      keep(object_name(sha256), *found->second, sha256);
    }
    Step &lock = steps_[lock_name(number)];
    Lock next = next_.lock;
    next.entries = weights;
    next.revision.number = number + 1;
    // What is new has no hash yet, and another than anything before it.
    for (const auto &[name, step] : steps_) next.entries[name] = step.item == nullptr ? LockEntry{} : step.entry;
    lock.content = shorten_lock(old_.lock(), next);
  }

  void write_rest(ContainerWriter &writer, Lock::Entries &entries) {
    std::vector<const std::string *> order;
    for (const auto &[name, step] : steps_) order.push_back(&name);
    std::sort(order.begin(), order.end(), before);
    for (const std::string *name : order) {
      const Step &step = steps_.find(*name)->second;
      if (step.item == nullptr) {
        entries[*name] = writer.add(*name, step.content);
        continue;
      }
      Item item = *step.item;
      item.name = *name;
      writer.add_range(item, *source_);
      entries[*name] = step.entry;
    }
  }

  static bool before(const std::string *a, const std::string *b) { return canonical_less(*a, *b); }

  const fs::path path_;
  const std::shared_ptr<const Source> source_;
  const Container old_;
  std::set<std::string> used_;  // hashes of what some revision so far uses, but weights
  Contents weights_;
  NextRevision next_;
  ByHash by_hash_;
  std::set<uint64_t> sizes_;           // of what by_hash_ has
  std::map<std::string, Step> steps_;  // what follows the weights
};

}  // namespace

Committed commit_revision(const fs::path &path, const CommitSteps &steps) {
  return Committer(real_bundle(path)).run(steps);
}

Committed commit_revision(const fs::path &path, Contents contents, Lock lock) {
  CommitSteps steps;
  steps.weights = [weights = take_weights(contents)](const Container &) { return weights; };
  steps.rest = [&](const Lock &, const Lock::Entries &) { return NextRevision{std::move(contents), std::move(lock)}; };
  return commit_revision(path, steps);
}

Contents take_weights(Contents &contents) {
  Contents weights;
  for (auto i = contents.begin(); i != contents.end();) {
    const auto next = std::next(i);
    if (is_weights(i->first)) weights.insert(contents.extract(i));
    i = next;
  }
  return weights;
}

}  // namespace mrun
