// Normalization rules as sentencepiece compiles them ("precompiled_charsmap"): a little-endian uint32 with the byte
// size of a double-array trie (darts-clone's layout: github.com/s-yata/darts-clone), the trie's uint32 units, then
// zero-terminated replacements that the trie's values point at. Both sentencepiece models and tokenizer.json carry it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"

namespace text {

class CharsMap {
 public:
  // Throws Error (input) unless every path of the trie stays inside it and every value inside the replacements: a walk
  // needs no checks afterwards.
  explicit CharsMap(std::string_view blob);

  // The replacement of the shortest rule that is a prefix of `s`; nullopt where no rule matches.
  std::optional<std::string_view> shortest(std::string_view s) const;

 private:
  void check() const;
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace text
