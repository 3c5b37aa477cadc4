// The tokens of short words that were met before: a direct-mapped table, so that its size is fixed and no word is ever
// in the way of another for long. Used by one thread at a time.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "models.h"

namespace text {

class WordCache {
 public:
  static constexpr size_t max_bytes = 24, max_tokens = 7;
  static constexpr size_t memory = size_t(1) << 20;  // bytes

  WordCache() : slots_(size) {}

  // Adds the tokens of `word`, which begins at `at`; false where they are not known.
  bool get(std::string_view word, uint32_t at, std::vector<Token> &out) const {
    Slot key;
    if (!make_key(word, key)) return false;
    const Slot &s = slots_[index(key)];
    if (s.count == 0 || s.bytes != key.bytes || std::memcmp(s.key, key.key, sizeof key.key) != 0) return false;
    for (uint8_t i = 0; i < s.count; ++i) {
      out.push_back({s.ids[i], at, at + s.lengths[i]});
      at += s.lengths[i];
    }
    return true;
  }

  // Remembers tokens that cover `word` one behind the other; others are not kept.
  void put(std::string_view word, uint32_t at, const Token *tokens, size_t count) {
    Slot s;
    if (count == 0 || count > max_tokens || !make_key(word, s)) return;
    s.count = uint8_t(count);
    for (size_t i = 0; i < count; ++i) {
      if (tokens[i].spelled || tokens[i].begin != at) return;
      s.ids[i] = tokens[i].id;
      s.lengths[i] = uint8_t(tokens[i].end - tokens[i].begin);
      at = tokens[i].end;
    }
    slots_[index(s)] = s;
  }

 private:
  static constexpr size_t slot = 64, size = memory / slot;
  struct alignas(slot) Slot {
    uint64_t key[3] = {};
    uint8_t bytes = 0, count = 0;
    uint8_t lengths[max_tokens];
    uint32_t ids[max_tokens];
  };
  static bool make_key(std::string_view word, Slot &s) {
    if (word.size() > max_bytes) return false;
    std::memcpy(s.key, word.data(), word.size());
    s.bytes = uint8_t(word.size());
    return true;
  }
  static size_t index(const Slot &s) {
    constexpr uint64_t mix = 0x9e3779b97f4a7c15u;
    uint64_t h = (s.key[0] ^ s.bytes) * mix;
    h = (h ^ (h >> 32) ^ s.key[1]) * mix;
    h = (h ^ (h >> 32) ^ s.key[2]) * mix;
    static_assert(size == size_t(1) << 14);
    return size_t(h >> 50);  // the upper bits, which depend on all of the word
  }
  std::vector<Slot> slots_;
};

}  // namespace text
