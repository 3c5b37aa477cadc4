#include "classes.h"

#include <string>
#include <utility>

#include "unicode/data.h"

namespace text {

using namespace unicode;

namespace {

struct NamedCategories {
  std::string_view names;  // short, long: loosely written
  uint32_t kinds;
};

constexpr uint32_t cased = bit(Lu) | bit(Ll) | bit(Lt);
constexpr uint32_t other = bit(Cc) | bit(Cf) | bit(Cn) | bit(Co) | bit(Cs);

constexpr NamedCategories named_categories[] = {
    {"c other", other},
    {"cc control", bit(Cc)},
    {"cf format", bit(Cf)},
    {"cn unassigned", bit(Cn)},
    {"co privateuse", bit(Co)},
    {"cs surrogate", bit(Cs)},
    {"l letter", letters},
    {"l& lc casedletter", cased},
    {"ll lowercaseletter", bit(Ll)},
    {"lm modifierletter", bit(Lm)},
    {"lo otherletter", bit(Lo)},
    {"lt titlecaseletter", bit(Lt)},
    {"lu uppercaseletter", bit(Lu)},
    {"m mark combiningmark", marks},
    {"mc spacingmark", bit(Mc)},
    {"me enclosingmark", bit(Me)},
    {"mn nonspacingmark", bit(Mn)},
    {"n number", numbers},
    {"nd decimalnumber", bit(Nd)},
    {"nl letternumber", bit(Nl)},
    {"no othernumber", bit(No)},
    {"p punctuation", punctuation},
    {"pc connectorpunctuation", bit(Pc)},
    {"pd dashpunctuation", bit(Pd)},
    {"pe closepunctuation", bit(Pe)},
    {"pf finalpunctuation", bit(Pf)},
    {"pi initialpunctuation", bit(Pi)},
    {"po otherpunctuation", bit(Po)},
    {"ps openpunctuation", bit(Ps)},
    {"s symbol", symbols},
    {"sc currencysymbol", bit(Sc)},
    {"sk modifiersymbol", bit(Sk)},
    {"sm mathsymbol", bit(Sm)},
    {"so othersymbol", bit(So)},
    {"z separator", separators},
    {"zl lineseparator", bit(Zl)},
    {"zp paragraphseparator", bit(Zp)},
    {"zs spaceseparator", bit(Zs)},
};

std::optional<CodeSet> category_called(std::string_view loose) {
  const std::string wanted = ' ' + std::string(loose) + ' ';
  for (const auto &[names, kinds] : named_categories)
    if ((' ' + std::string(names) + ' ').find(wanted) != std::string::npos) return category_set(kinds);
  return std::nullopt;
}

CodeSet of(std::string_view property) { return *binary_property(property); }

const CodeSet ascii{{0, 0x80}};
const CodeSet ascii_hex{{'0', '9' + 1}, {'A', 'F' + 1}, {'a', 'f' + 1}};

// PCRE2's own properties.
std::optional<CodeSet> pcre_property(std::string_view loose) {
  if (loose == "xan") return category_set(letters | numbers);
  if (loose == "xsp" || loose == "xps") return space_set(Dialect::pcre);
  if (loose == "xwd") return word_set(Dialect::pcre);
  if (loose == "xuc")
    return CodeSet{{'$', '$' + 1}, {'@', '@' + 1}, {'`', '`' + 1}, {0xa0, 0xd800}, {0xe000, code_points}};
  return std::nullopt;
}

std::optional<CodeSet> script_property(std::string_view loose, Dialect dialect) {
  bool extensions = dialect == Dialect::pcre;
  if (const size_t end = loose.find_first_of(":="); end != std::string_view::npos) {
    const std::string_view key = loose.substr(0, end);
    extensions = key == "scx" || key == "scriptextensions";
    if (!extensions && key != "sc" && key != "script") return std::nullopt;
    loose.remove_prefix(end + 1);
  }
  const auto script = script_called(loose);
  if (!script) return std::nullopt;
  return script_set(*script, extensions);
}

std::optional<CodeSet> ruby_posix(std::string_view name) {
  const CodeSet graph = ~(space_set(Dialect::ruby) | category_set(bit(Cc) | bit(Cn) | bit(Cs)));
  if (name == "alpha") return of("alphabetic");
  if (name == "alnum") return of("alphabetic") | digit_set();
  if (name == "upper") return of("uppercase");
  if (name == "lower") return of("lowercase");
  if (name == "blank") return category_set(bit(Zs)) | CodeSet::one('\t');
  if (name == "punct") return category_set(punctuation | symbols);
  if (name == "graph") return graph;
  if (name == "print") return graph | category_set(bit(Zs));
  return std::nullopt;
}

std::optional<CodeSet> pcre_posix(std::string_view name) {
  const CodeSet outside{{0x61c, 0x61d}, {0x180e, 0x180f}, {0x2066, 0x206a}};
  const CodeSet graph = ~(category_set(separators | (other & ~bit(Cf))) | outside);
  if (name == "alpha") return category_set(letters);
  if (name == "alnum") return category_set(letters | numbers);
  if (name == "upper") return category_set(bit(Lu));
  if (name == "lower") return category_set(bit(Ll));
  if (name == "blank") return horizontal_set();
  if (name == "punct") return category_set(punctuation) | (category_set(symbols) & ascii);
  if (name == "graph") return graph;
  if (name == "print") return graph | category_set(bit(Zs)) | CodeSet{{0x61c, 0x61d}};
  return std::nullopt;
}

}  // namespace

CodeSet word_set(Dialect dialect) {
  if (dialect == Dialect::pcre) return category_set(letters | numbers) | CodeSet::one('_');
  return of("alphabetic") | category_set(marks | bit(Nd) | bit(Pc));
}

CodeSet bare_word_set(Dialect dialect) {
  if (dialect == Dialect::pcre) return word_set(dialect);
  return word_set(dialect) | CodeSet{{0xb2, 0xb4}, {0xb9, 0xba}, {0xbc, 0xbf}};
}

CodeSet space_set(Dialect dialect) {
  if (dialect == Dialect::pcre) return category_set(separators) | horizontal_set() | vertical_set();
  return of("whitespace");
}

CodeSet digit_set() { return category_set(bit(Nd)); }
CodeSet hex_set() { return ascii_hex; }
CodeSet horizontal_set() { return category_set(bit(Zs)) | CodeSet{{'\t', '\t' + 1}, {0x180e, 0x180f}}; }
CodeSet vertical_set() { return {{'\n', '\r' + 1}, {0x85, 0x86}, {0x2028, 0x202a}}; }

std::optional<CodeSet> posix_set(std::string_view name, Dialect dialect) {
  if (name == "ascii") return ascii;
  if (name == "xdigit") return ascii_hex;
  if (name == "digit") return digit_set();
  if (name == "cntrl") return category_set(bit(Cc));
  if (name == "space") return space_set(dialect);
  if (name == "word") return word_set(dialect);
  return dialect == Dialect::pcre ? pcre_posix(name) : ruby_posix(name);
}

std::optional<CodeSet> property_set(std::string_view name, Dialect dialect) {
  const std::string loose = loose_name(name);
  if (loose == "any") return CodeSet::all();
  if (loose == "ascii") return ascii;
  if (loose == "assigned") return ~category_set(bit(Cn));
  if (dialect == Dialect::pcre) {
    if (auto found = pcre_property(loose)) return found;
  } else {
    if (loose == "punct") return category_set(punctuation);
    if (loose == "word") return bare_word_set(dialect);
    if (auto found = posix_set(loose, dialect)) return found;
  }
  if (auto found = category_called(loose)) return found;
  if (auto found = binary_property(loose)) return found;
  return script_property(loose, dialect);
}

}  // namespace text
