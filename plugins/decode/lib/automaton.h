// A deterministic automaton over bytes, from a pattern or a list of texts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "polling.h"

namespace decode {

// Every state but 0 leads to one that accepts; state 0 is where a text begins.
struct Automaton {
  static constexpr int32_t dead = -1;

  int32_t step(int32_t state, char byte) const {
    return next[static_cast<size_t>(state) * class_count + classes[static_cast<uint8_t>(byte)]];
  }
  size_t size() const { return accepts.size(); }

  std::vector<uint8_t> classes;  // of each byte: bytes of a class lead to the same states
  size_t class_count = 0;
  std::vector<int32_t> next;  // [state][class]
  std::vector<uint8_t> accepts;
};

// Texts that the whole pattern matches: characters, `.` (any but a newline), classes, \d \w \s (ASCII) and their
// opposites, \n \t \r \f \v \0 \xHH \uHHHH \x{H...}, groups, |, ? * + {m} {m,} {m,n}; ^ and $ at its ends, which
// change nothing. Lazy quantifiers mean the same as greedy ones. Characters are UTF-8. Throws Error for what it cannot
// read, and for a pattern of more than 10,000 states.
Automaton compile_regex(std::string_view pattern, const Poll &poll);

// One of these texts, in UTF-8. Throws Error, which calls them `what`, where they have more than 200,000 bytes, those of
// a common beginning counted once.
Automaton compile_texts(const std::vector<std::string> &texts, const char *what);

}  // namespace decode
