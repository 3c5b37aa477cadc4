// The kinds of characters and the mappings that tokenizer.json's rules name, frozen at the versions of Unicode that
// Hugging Face's tokenizers 0.23 are built with: a character that is younger than its rule's version is left alone.
// What scripts call is in unicode/, at one version.
#pragma once
#include <cstdint>

#include "unicode/normalize.h"

namespace text {

using unicode::Expansion;
using unicode::Form;

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
bool is_numeric(char32_t c);     // N* of Unicode 17
inline bool is_space(char32_t c) { return char_class(c) & class_space; }

// Decomposition, composition and classes of Unicode 11.
Expansion decompose(char32_t c, bool compatible);  // size 0 where there is none
char32_t compose(char32_t a, char32_t b);          // 0 where there is none
uint8_t combining_class(char32_t c);
// Lower case of one character, of Unicode 17: U+0130 gives two.
Expansion lower_of(char32_t c);

}  // namespace text
