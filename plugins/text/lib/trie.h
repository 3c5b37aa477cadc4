// A trie over bytes: nodes are numbers, a hash table holds the edges.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "keyed_hash.h"

namespace text {

class Trie {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  Trie() : slots_(1024, Slot{empty, 0}) {}
  // A node without a parent.
  uint32_t add_root() { return count_++; }
  // The node of `word` under `from`, made where it is missing.
  uint32_t insert(uint32_t from, std::string_view word) {
    for (unsigned char byte : word) {
      const uint32_t next = child(from, byte);
      from = next != none ? next : add(from, byte);
    }
    return from;
  }
  uint32_t child(uint32_t node, unsigned char byte) const {
    const uint64_t key = uint64_t(node) << 8 | byte;
    for (size_t i = KeyedHash::of(key) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return slots_[i].node;
      if (slots_[i].key == empty) return none;
    }
  }
  uint32_t size() const { return count_; }

 private:
  static constexpr uint64_t empty = UINT64_MAX;
  struct Slot {
    uint64_t key;
    uint32_t node;
  };
  uint32_t add(uint32_t from, unsigned char byte) {
    if (2 * size_t(count_) >= slots_.size()) grow();
    place({uint64_t(from) << 8 | byte, count_});
    return count_++;
  }
  void place(Slot s) {
    size_t i = KeyedHash::of(s.key) & (slots_.size() - 1);
    while (slots_[i].key != empty) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = s;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2, Slot{empty, 0});
    old.swap(slots_);
    for (const Slot &s : old)
      if (s.key != empty) place(s);
  }
  std::vector<Slot> slots_;
  uint32_t count_ = 0;
};

}  // namespace text
