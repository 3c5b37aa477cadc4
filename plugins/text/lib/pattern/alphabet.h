// The characters that a pattern does not tell apart count as one letter: a pattern over letters needs no tables of
// Unicode, and runs faster than one over characters.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "unicode/code_map.h"
#include "unicode/code_set.h"

namespace text {

// The sets of characters that a pattern names, in the order of their numbers.
class SetTable {
 public:
  size_t add(const unicode::CodeSet &);
  const std::vector<const unicode::CodeSet *> &sets() const { return sets_; }

 private:
  std::map<unicode::CodeSet, size_t> numbers_;
  std::vector<const unicode::CodeSet *> sets_;  // keys of numbers_
};

class Alphabet {
 public:
  // Two characters are one letter if each set has both or neither. A line end is the letter '\n' and nothing else.
  explicit Alphabet(const SetTable &);

  bool fits_bytes() const { return count_ < 256; }  // and one is left over
  size_t memory() const { return letters_.memory() + samples_.size() * sizeof samples_[0]; }
  // A set as PCRE2 writes it: a letter, a class, [^] for all, an unused letter for none.
  std::string write(const unicode::CodeSet &) const;

  // A text in letters: bytes where they fit, else UTF-8. `places` has for each byte of it, and its end, the place in
  // the text; it stays empty where they are the same.
  void spell(std::string_view s, std::string &letters, std::vector<uint32_t> &places) const;

 private:
  uint16_t unused() const;

  unicode::CodeMap<uint16_t> letters_{0};
  std::vector<std::pair<uint16_t, char32_t>> samples_;  // letters in order, and a character that is one
  size_t count_ = 0;
};

}  // namespace text
