// Unicode: normalization forms, case, accents, and what kind of character one is.
//
// Two families. The functions for scripts (nfc … strip_accents) follow the installed ICU. The rules that tokenizer.json
// names are frozen at the Unicode versions that Hugging Face's tokenizers 0.23 are built with, whatever the installed
// ICU: a character that is younger than its rule's version is left alone. Characters younger than ICU's own tables
// (Unicode 15 for ICU 72) count as unassigned.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace text {

// ---- for scripts; valid UTF-8 in and out
// ------------------------------------------------------------------------------

enum class Form { nfc, nfd, nfkc, nfkd };
std::string normalize(std::string_view s, Form);
std::string lower(std::string_view s);          // full mapping, the root locale's
std::string fold(std::string_view s);           // full case folding
std::string strip_accents(std::string_view s);  // NFD, without nonspacing marks, NFC

// ---- for tokenizers -------------------------------------------------------------------------------------------------

enum CharClass : uint8_t {
  class_space = 1,         // White_Space
  class_letter = 2,        // L*
  class_number = 4,        // N*
  class_word = 8,          // \w: Alphabetic, M*, Nd, Pc, Join_Control
  class_punctuation = 16,  // P* of Unicode 8, and ASCII's punctuation
  class_nonspacing = 32,   // Mn of Unicode 8
  class_mark = 64,         // M* of Unicode 9
  class_other = 128,       // Cc, Cf, Co of Unicode 8
};
uint8_t char_class(char32_t c);  // bits of CharClass
inline bool is_space(char32_t c) { return char_class(c) & class_space; }

// One or more characters (the first `return` of them).
struct Expansion {
  char32_t at[18];
  int size;
};
// The full decomposition of Unicode 11; size 0 where there is none.
Expansion decompose(char32_t c, bool compatible);
// The character that the two compose to, or 0.
char32_t compose(char32_t a, char32_t b);
uint8_t combining_class(char32_t c);
// Lower case of one character: U+0130 gives two.
Expansion lower_of(char32_t c);

}  // namespace text
