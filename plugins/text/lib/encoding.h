// What both tokenizers return.
#pragma once
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace text {

struct Offsets {
  uint32_t begin = 0, end = 0;  // of the original text; half open
  bool operator==(const Offsets &) const = default;
};

// What an encoding has beside ids and types.
struct Wanted {
  bool pieces = true;  // offsets and pieces
  bool marks = false;  // words, sequences, special, attention
};

// Parallel arrays, one entry a token; those that are not wanted are empty.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<int64_t> types;  // 0 for the first text and what belongs to it, 1 for the second
  std::vector<Offsets> offsets;
  std::vector<std::string> pieces;
  std::vector<int64_t> words;         // which word of its text, from 0; -1: none
  std::vector<int64_t> sequences;     // which text, from 0; -1: none
  std::vector<int64_t> special;       // 1: put there by a post-processor or by padding
  std::vector<int64_t> attention;     // 0: padding
  std::vector<Encoding> overflowing;  // the other parts of a text that was cut
  Wanted wanted;

  size_t size() const { return ids.size(); }
  auto arrays() { return std::tie(ids, types, offsets, pieces, words, sequences, special, attention); }
  auto arrays() const { return std::tie(ids, types, offsets, pieces, words, sequences, special, attention); }
};

// Memory that so many tokens of an encoding take.
size_t memory_of(size_t tokens, Wanted);

// A token that stands for no part of a text.
struct Placeholder {
  int64_t id, type;
  const std::string &piece;
  bool attention;
};
Encoding repeated(const Placeholder &, size_t count, Wanted);

// These two leave `overflowing` alone.
void append(Encoding &to, const Encoding &from);
Encoding slice(const Encoding &, size_t begin, size_t end);

// One behind the other. Each part of the one is joined with each of the other, the parts that both begin with first;
// memory for them is announced.
Encoding joined(const Encoding &, const Encoding &);
Encoding joined(std::vector<Encoding> &&);

enum class OffsetUnit { character, byte };

}  // namespace text
