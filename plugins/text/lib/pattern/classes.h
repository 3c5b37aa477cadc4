// The sets of characters that patterns name.
#pragma once
#include <optional>
#include <string_view>

#include "unicode/code_set.h"

namespace text {

enum class Dialect {
  pcre,  // as PCRE2 10.42 reads them
  ruby,  // as Oniguruma reads Ruby's
};

unicode::CodeSet word_set(Dialect);  // \w
// Oniguruma's \w and \b outside of a class: six numbers of Latin 1 count too.
unicode::CodeSet bare_word_set(Dialect);
unicode::CodeSet space_set(Dialect);  // \s
unicode::CodeSet digit_set();         // \d
unicode::CodeSet hex_set();           // Ruby's \h
unicode::CodeSet horizontal_set();    // PCRE2's \h
unicode::CodeSet vertical_set();      // PCRE2's \v

// What [:name:] has, and what \p{name} has; nothing where no such set is known.
std::optional<unicode::CodeSet> posix_set(std::string_view name, Dialect);
std::optional<unicode::CodeSet> property_set(std::string_view name, Dialect);

}  // namespace text
