// Unicode's normalization forms (UAX 15).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace text::unicode {

enum class Form { nfc, nfd, nfkc, nfkd };

// Of valid UTF-8. Time n log n at worst, in a text of one run of marks; linear else.
std::string normalize(std::string_view s, Form);

// One or more characters (the first `size` of them).
struct Expansion {
  char32_t at[18];
  int size;
};
Expansion decompose(char32_t c, bool compatible);  // the full decomposition; size 0 where there is none
char32_t compose(char32_t a, char32_t b);          // the character that the two compose to, or 0
uint8_t combining_class(char32_t c);

}  // namespace text::unicode
