// Reads a regular expression and writes it for PCRE2 without any need of PCRE2's tables of Unicode: classes, cases and
// word boundaries are worked out here, by the pinned version.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alphabet.h"
#include "classes.h"

namespace text {

// What a pattern comes to. Where it compares a text with itself (\1), characters must stay apart: it is over
// characters then (UTF-8), and there is no alphabet.
struct Translated {
  std::string pattern;
  std::optional<Alphabet> alphabet;
  std::vector<std::pair<size_t, size_t>> places;  // byte of `pattern`, byte of what it was written for
  size_t source(size_t at) const;                 // in the pattern as given
};

// bad_argument for what is not supported, or not a pattern; PCRE2 finds the other mistakes.
Translated translate(std::string_view pattern, Dialect);

}  // namespace text
