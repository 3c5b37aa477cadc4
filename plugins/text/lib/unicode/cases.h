// Upper and lower case, and the same without case: full mappings, in no language.
#pragma once
#include <string>
#include <string_view>

#include "code_set.h"

namespace text::unicode {

std::string lower(std::string_view s);  // a sigma that ends a word is ς
std::string upper(std::string_view s);
std::string fold(std::string_view s);
char32_t lower_of(char32_t c);  // the simple mapping of one character

// The set with all characters that differ from one in it by case alone (simple case folding).
CodeSet any_case(const CodeSet &);

}  // namespace text::unicode
