#include "bpe_merge.h"

#include <algorithm>
#include <bit>
#include <queue>

#include "polling.h"

namespace text {
namespace {

constexpr uint32_t none = UINT32_MAX;

// A pair that may merge: the position of its left symbol, and what it had become when it was found.
struct Candidate {
  uint32_t rank, left, id;
  bool operator<(const Candidate &o) const { return rank != o.rank ? rank > o.rank : left > o.left; }
};

// A priority queue for ranks that never fall below the last one taken: a radix heap. Each candidate moves at most once
// for each bit of a rank, whatever their number. Source: Ahuja, Mehlhorn, Orlin, Tarjan, "Faster algorithms for the
// shortest path problem", 1990.
class RankQueue {
 public:
  void push(const Candidate &c) { buckets_[size_t(std::bit_width(c.rank ^ last_))].push_back(c); }
  // False where there is none.
  bool pop(Candidate &c) {
    if (buckets_[0].empty() && !refill()) return false;
    c = buckets_[0].back();
    buckets_[0].pop_back();
    return true;
  }

 private:
  bool refill() {
    for (auto &bucket : buckets_) {
      if (bucket.empty()) continue;
      last_ = std::min_element(bucket.begin(), bucket.end(), [](const Candidate &a, const Candidate &b) {
                return a.rank < b.rank;
              })->rank;
      std::vector<Candidate> moving;
      moving.swap(bucket);
      for (const Candidate &c : moving) push(c);
      return true;
    }
    return false;
  }
  std::array<std::vector<Candidate>, 33> buckets_;
  uint32_t last_ = 0;
};

}  // namespace

// Symbols in a doubly linked list; one that has merged into its left neighbour has 0 bytes.
class Merges::Word {
 public:
  Word(const Merges &merges, std::vector<Symbol> &symbols)
      : merges_(merges), symbols_(symbols), before_(symbols.size()), behind_(symbols.size()) {
    const auto count = uint32_t(symbols.size());
    for (uint32_t i = 0; i < count; ++i) {
      before_[i] = i > 0 ? i - 1 : none;
      behind_[i] = i + 1 < count ? i + 1 : none;
    }
  }
  // What a symbol and the one behind it give: rank UINT32_MAX where nothing.
  Candidate at(uint32_t left) const {
    if (symbols_[left].bytes == 0 || behind_[left] == none) return {none, left, 0};
    const Merge m = merges_.get(symbols_[left].id, symbols_[behind_[left]].id);
    return {m.rank, left, m.id};
  }
  bool still(const Candidate &c) const {
    const Candidate now = at(c.left);
    return now.rank != none && now.id == c.id;
  }
  // Merges the pair, and tells add(candidate) of the new ones at both sides.
  template <class Add>
  void merge(const Candidate &c, Add add) {
    const uint32_t right = behind_[c.left];
    symbols_[c.left] = {c.id, symbols_[c.left].bytes + symbols_[right].bytes};
    symbols_[right].bytes = 0;
    behind_[c.left] = behind_[right];
    if (behind_[right] != none) before_[behind_[right]] = c.left;
    for (const uint32_t left : {before_[c.left], c.left}) {
      if (left == none) continue;
      if (const Candidate now = at(left); now.rank != none) add(now);
    }
  }
  // The first of the neighbours at the left of `at` that are the same symbol as it.
  uint32_t run_begin(uint32_t at) const {
    while (before_[at] != none && symbols_[before_[at]].id == symbols_[at].id) at = before_[at];
    return at;
  }
  uint32_t behind(uint32_t at) const { return behind_[at]; }
  bool doubles(uint32_t at) const { return symbols_[at].id == symbols_[behind_[at]].id; }
  void finish() {
    std::erase_if(symbols_, [](const Symbol &s) { return s.bytes == 0; });
  }

 private:
  const Merges &merges_;
  std::vector<Symbol> &symbols_;
  std::vector<uint32_t> before_, behind_;
};

void Merges::reserve(size_t count) {
  size_t size = 64;
  while (size < 2 * count) size *= 2;
  slots_.assign(size, Slot{empty, {}});
}

void Merges::set(uint32_t left, uint32_t right, Merge merge) {
  const uint64_t key = uint64_t(left) << 32 | right;
  size_t i = KeyedHash::of(key) & (slots_.size() - 1);
  while (slots_[i].key != empty && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {key, merge};
}

void Merges::finish(Ranks ranks) {
  if (ranks == Ranks::shared) return;  // those of one rank may overlap: merged by the heap, from the left
  std::vector<uint32_t> made;          // the highest rank that makes a token, and 1; 0 for none
  for (const Slot &s : slots_) {
    if (s.key == empty) continue;
    if (s.merge.id >= made.size()) made.resize(s.merge.id + 1);
    made[s.merge.id] = std::max(made[s.merge.id], s.merge.rank + 1);
  }
  auto early = [&](uint32_t id, uint32_t rank) { return id >= made.size() || made[id] <= rank; };
  in_order_ = std::all_of(slots_.begin(), slots_.end(), [&](const Slot &s) {
    return s.key == empty || (early(uint32_t(s.key >> 32), s.merge.rank) && early(uint32_t(s.key), s.merge.rank));
  });
}

size_t Merges::merge_short(Symbol *symbols, size_t count) const {
  std::array<Merge, short_word> pairs;
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = get(symbols[i].id, symbols[i + 1].id);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == none) break;
    symbols[best] = {pairs[best].id, symbols[best].bytes + symbols[best + 1].bytes};
    std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
    if (best + 2 < count) std::copy(&pairs[best + 2], &pairs[count - 1], &pairs[best + 1]);
    --count;
    if (best > 0) pairs[best - 1] = get(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) pairs[best] = get(symbols[best].id, symbols[best + 1].id);
  }
  return count;
}

void Merges::merge(std::vector<Symbol> &symbols) const {
  if (symbols.size() <= short_word) {
    symbols.resize(merge_short(symbols.data(), symbols.size()));
  } else if (in_order_) {
    merge_in_order(symbols);
  } else {
    merge_by_heap(symbols, 0, nullptr);
  }
}

void Merges::merge_with_dropout(std::vector<Symbol> &symbols, float probability, Random &random) const {
  merge_by_heap(symbols, probability, &random);
}

// New candidates have a higher rank than what made them. So all pairs of one rank are known when their turn comes, and
// none overlaps with another but where both symbols are the same: then a run of them merges from its left.
void Merges::merge_in_order(std::vector<Symbol> &symbols) const {
  Word word(*this, symbols);
  RankQueue queue;
  auto push = [&](const Candidate &c) { queue.push(c); };
  for (uint32_t i = 0; i < symbols.size(); ++i)
    if (const Candidate c = word.at(i); c.rank != none) push(c);
  for (Candidate c; queue.pop(c);) {
    Polling::now();
    if (!word.still(c)) continue;
    if (!word.doubles(c.left)) {
      word.merge(c, push);
      continue;
    }
    for (uint32_t at = word.run_begin(c.left); at != none; at = word.behind(at)) {
      const Candidate pair{c.rank, at, c.id};
      if (!word.still(pair)) break;
      word.merge(pair, push);
    }
  }
  word.finish();
}

void Merges::merge_by_heap(std::vector<Symbol> &symbols, float probability, Random *random) const {
  constexpr size_t most = 50'000'000;
  size_t left_out = 0;
  Word word(*this, symbols);
  std::vector<Candidate> found, skipped;
  for (uint32_t i = 0; i < symbols.size(); ++i)
    if (const Candidate c = word.at(i); c.rank != none) found.push_back(c);
  std::priority_queue<Candidate> heap(std::less<Candidate>{}, std::move(found));
  while (!heap.empty()) {
    Polling::now();
    const Candidate c = heap.top();
    heap.pop();
    if (random && random->next() < probability) {
      skipped.push_back(c);
      if (++left_out > most) bad_input("the tokenizer's dropout takes too long on this text");
      continue;
    }
    for (const Candidate &s : skipped) heap.push(s);
    skipped.clear();
    if (word.still(c)) word.merge(c, [&](const Candidate &now) { heap.push(now); });
  }
  word.finish();
}

}  // namespace text
