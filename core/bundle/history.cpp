#include "bundle/history.h"

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/text.h"

namespace mrun {
namespace {

constexpr size_t shortest_digest = 7;
// Each step back encodes a whole lock, so a long history of a large bundle costs the product of both. Beyond so many bytes
// only what is opened is checked.
constexpr size_t most_checked = size_t{32} << 20;

[[noreturn]] void fail_digest(const std::string &where, uint64_t next) {
  fail(MRUN_BUNDLE, "{}: is not the one that revision {} names as its parent", where, next);
}

}  // namespace

std::string lock_name(uint64_t number) { return fmt::format("history/locks/{}.lock", number); }

std::string object_name(const std::string &sha256) { return "history/objects/" + sha256; }

History::History(const Container &container, Check check)
    : container_(container), check_(check), lock_(container.lock()), digest_(sha256_hex(container.lock_bytes())) {}

std::vector<EntryChange> History::step_back() {
  const uint64_t number = lock_.revision.number - 1;
  const std::string name = lock_name(number);
  const std::string where = fmt::format("{}: {}", printable(container_.source().name()), name);
  const Item *item = container_.find(name);
  if (item == nullptr)
    fail(MRUN_BUNDLE, "{}: is missing, so the history before revision {} is lost", where, number + 1);
  if (item->size > max_lock) fail(MRUN_BUNDLE, "{}: {} bytes; at most {} are allowed", where, item->size, max_lock);
  const std::string &sha256 = container_.lock().entries.find(name)->second.sha256;
  const std::string bytes = container_.checked_text(*item, sha256);
  digest_ = lock_.revision.parent;
  std::vector<EntryChange> changes;
  if (sha256 == digest_) {  // it was kept whole
    Lock before = decode_lock(bytes, where);
    changes = entry_changes(before, lock_);
    lock_ = std::move(before);
  } else {
    changes = mrun::step_back(lock_, bytes, where);
    check_digest(where, number + 1);
  }
  if (lock_.revision.number != number) {
    fail(MRUN_BUNDLE, "{}: calls itself revision {}", where, lock_.revision.number);
  }
  return changes;
}

void History::check_digest(const std::string &where, uint64_t next) {
  if (check_ == Check::newest && checked_ > most_checked) return;
  const std::string whole = encode_lock(lock_);
  checked_ += whole.size();
  if (sha256_hex(whole) == digest_) return;
  fail_digest(where, next);
}

void check_history(const Container &container) {
  for (History history(container, History::Check::all); !history.at_first();) history.step_back();
}

namespace {

// What is opened is checked by itself, however far back it lies.
RevisionLock opened(const Container &container, const History &history) {
  const std::string where =
      fmt::format("{}: {}", printable(container.source().name()), lock_name(history.lock().revision.number));
  const std::string whole = encode_lock(history.lock());
  if (sha256_hex(whole) != history.digest()) { fail_digest(where, history.lock().revision.number + 1); }
  return {decode_lock(whole, where), history.digest()};
}

}  // namespace

RevisionLock find_revision(const Container &container, std::string_view which) {
  const uint64_t newest = container.lock().revision.number;
  const bool digits = std::all_of(which.begin(), which.end(), [](char c) { return c >= '0' && c <= '9'; });
  History history(container);
  uint64_t number = 0;
  if (digits && which.size() < shortest_digest) {
    std::from_chars(which.data(), which.data() + which.size(), number);
    if (number >= 1 && number <= newest) {
      while (history.lock().revision.number > number) history.step_back();
      return opened(container, history);
    }
  } else if (which.size() >= shortest_digest) {
    for (;; history.step_back()) {
      if (history.digest().starts_with(which)) return opened(container, history);
      if (history.at_first()) break;
    }
  }
  fail(MRUN_MISSING, "{}: has no revision {}; want {} or at least {} digits of a digest",
       printable(container.source().name()), printable(which), newest == 1 ? "1" : fmt::format("1 to {}", newest),
       shortest_digest);
}

}  // namespace mrun
