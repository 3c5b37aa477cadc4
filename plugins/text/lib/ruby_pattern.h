// Regular expressions as Oniguruma reads Ruby's, which tokenizer.json has, for PCRE2.
#pragma once
#include <string>
#include <string_view>

namespace text {

// The same pattern as PCRE2 writes it, with Oniguruma's classes of characters. Throws Error (argument) for
// what PCRE2 cannot say: intersections and negated classes inside a class.
std::string from_ruby(std::string_view pattern);

}  // namespace text
