// The merging of byte-pair encoding: neighbours become one in the order of the merges' ranks, the leftmost first. Each
// way gives the same result. Immutable; used by several threads at once.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "keyed_hash.h"
#include "models.h"

namespace text {

struct Symbol {
  uint32_t id, bytes;
};

// (left, right) to (rank, merged): open addressing, at most half full.
class Merges {
 public:
  struct Merge {
    uint32_t rank = UINT32_MAX, id = 0;
  };
  void reserve(size_t count);
  void set(uint32_t left, uint32_t right, Merge);  // a later one replaces an earlier of the same pair
  Merge get(uint32_t left, uint32_t right) const {
    const uint64_t key = uint64_t(left) << 32 | right;
    for (size_t i = KeyedHash::of(key) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == empty) return {};
    }
  }
  // To be called behind the last set: finds out whether no merge makes a token that one of a lower rank uses, as in
  // every vocabulary that was trained. Ranks: whether merges may share one.
  enum class Ranks { distinct, shared };
  void finish(Ranks);

  static constexpr size_t short_word = 48;  // symbols
  // Merges symbols in place; returns how many are left.
  size_t merge_short(Symbol *symbols, size_t count) const;  // by scanning: count <= short_word
  void merge(std::vector<Symbol> &symbols) const;
  // Leaves each possible merge out with a probability, for now; throws Error where that takes too long.
  void merge_with_dropout(std::vector<Symbol> &symbols, float probability, Random &) const;

 private:
  static constexpr uint64_t empty = UINT64_MAX;
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  class Word;
  void merge_in_order(std::vector<Symbol> &symbols) const;                              // linear; where in_order_
  void merge_by_heap(std::vector<Symbol> &symbols, float probability, Random *) const;  // n log n

  std::vector<Slot> slots_;
  bool in_order_ = false;
};

}  // namespace text
