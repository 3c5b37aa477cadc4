// What Unicode 16.0.0 says of each character: kinds, scripts, how it breaks, its cases and its parts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "code_set.h"

namespace text::unicode {

inline constexpr std::string_view version = "16.0.0";

// General_Category, in the order of make_tables.py.
enum Category : uint8_t {
  Cc,
  Cf,
  Co,
  Cs,
  Ll,
  Lm,
  Lo,
  Lt,
  Lu,
  Mc,
  Me,
  Mn,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Pe,
  Pf,
  Pi,
  Po,
  Ps,
  Sc,
  Sk,
  Sm,
  So,
  Zl,
  Zp,
  Zs,
  Cn,
};
constexpr uint32_t bit(Category c) { return uint32_t(1) << c; }
inline constexpr uint32_t letters = bit(Ll) | bit(Lm) | bit(Lo) | bit(Lt) | bit(Lu);
inline constexpr uint32_t marks = bit(Mc) | bit(Me) | bit(Mn);
inline constexpr uint32_t numbers = bit(Nd) | bit(Nl) | bit(No);
inline constexpr uint32_t punctuation = bit(Pc) | bit(Pd) | bit(Pe) | bit(Pf) | bit(Pi) | bit(Po) | bit(Ps);
inline constexpr uint32_t symbols = bit(Sc) | bit(Sk) | bit(Sm) | bit(So);
inline constexpr uint32_t separators = bit(Zl) | bit(Zp) | bit(Zs);

Category category(char32_t);
inline bool is_a(char32_t c, uint32_t kinds) { return bit(category(c)) & kinds; }
CodeSet category_set(uint32_t kinds);

// Since which version a character is assigned, as far as rules frozen at older versions ask.
enum class Age : uint8_t { unicode_8, unicode_9, unicode_11, unicode_16 };
Age age(char32_t);  // of unassigned ones unicode_16

constexpr uint8_t no_script = UINT8_MAX;
uint8_t script(char32_t);                                      // a number
std::optional<uint8_t> script_called(std::string_view loose);  // by its short or long name
CodeSet script_set(uint8_t, bool extensions);                  // with or without Script_Extensions

// A property of yes and no ("alphabetic", "wspace"). Names are loose: in lower case, without spaces, - and _.
std::optional<CodeSet> binary_property(std::string_view loose);
std::string loose_name(std::string_view);

// Grapheme_Cluster_Break and Indic_Conjunct_Break, in the order of make_tables.py.
enum class Cluster : uint8_t { other, cr, lf, control, extend, zwj, regional, prepend, spacing, l, v, t, lv, lvt };
enum class Conjunct : uint8_t { none, consonant, linker, extend };
CodeSet cluster_set(Cluster);
CodeSet conjunct_set(Conjunct);

}  // namespace text::unicode
