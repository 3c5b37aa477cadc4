#include "bundle/history.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t shortest_digest = 7;

class Chain {
 public:
  explicit Chain(const Container &container)
      : container_(container), current_{container.lock(), sha256_hex(container.lock_bytes())} {}

  const RevisionLock &current() const { return current_; }
  bool at_first() const { return current_.lock.revision.number == 1; }

  void step_back() {
    const uint64_t number = current_.lock.revision.number - 1;
    const std::string name = lock_name(number);
    const std::string where = fmt::format("{}: {}", printable(container_.source().name()), name);
    const Item *item = container_.find(name);
    if (item == nullptr)
      fail(MRUN_BUNDLE, "{}: is missing, so the history before revision {} is lost", where, number + 1);
    if (item->size > max_lock) fail(MRUN_BUNDLE, "{}: {} bytes; at most {} are allowed", where, item->size, max_lock);
    const std::string &parent = current_.lock.revision.parent;
    const std::string &sha256 = container_.lock().entries.find(name)->second.sha256;
    std::string bytes = container_.checked_text(*item, sha256);
    if (sha256 != parent) {  // else it was kept whole
      bytes = expand_lock(bytes, current_.lock, where);
      if (sha256_hex(bytes) != parent) {
        fail(MRUN_BUNDLE, "{}: is not the one that revision {} names as its parent", where, number + 1);
      }
    }
    RevisionLock previous{decode_lock(bytes, where), parent};
    if (previous.lock.revision.number != number) {
      fail(MRUN_BUNDLE, "{}: calls itself revision {}", where, previous.lock.revision.number);
    }
    current_ = std::move(previous);
  }

 private:
  const Container &container_;
  RevisionLock current_;
};

}  // namespace

std::string lock_name(uint64_t number) { return fmt::format("history/locks/{}.lock", number); }

std::string object_name(const std::string &sha256) { return "history/objects/" + sha256; }

std::vector<RevisionLock> read_history(const Container &container, uint64_t last) {
  Chain chain(container);
  std::vector<RevisionLock> revisions{chain.current()};
  while (chain.current().lock.revision.number > last) {
    chain.step_back();
    revisions.push_back(chain.current());
  }
  return revisions;
}

RevisionLock find_revision(const Container &container, std::string_view which) {
  const uint64_t newest = container.lock().revision.number;
  const bool digits = std::all_of(which.begin(), which.end(), [](char c) { return c >= '0' && c <= '9'; });
  Chain chain(container);
  uint64_t number = 0;
  if (digits && which.size() < shortest_digest) {
    std::from_chars(which.data(), which.data() + which.size(), number);
    if (number >= 1 && number <= newest) {
      while (chain.current().lock.revision.number > number) chain.step_back();
      return chain.current();
    }
  } else if (which.size() >= shortest_digest) {
    for (;; chain.step_back()) {
      if (chain.current().digest.starts_with(which)) return chain.current();
      if (chain.at_first()) break;
    }
  }
  fail(MRUN_MISSING, "{}: has no revision {}; want {} or at least {} digits of a digest",
       printable(container.source().name()), printable(which), newest == 1 ? "1" : fmt::format("1 to {}", newest),
       shortest_digest);
}

}  // namespace mrun
