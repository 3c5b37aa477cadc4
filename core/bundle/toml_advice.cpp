#include "bundle/toml_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/text.h"
#include "base/utf16.h"
#include "bundle/names.h"

namespace mrun {
namespace {

std::string_view nth_line(std::string_view text, size_t number) {
  size_t begin = 0;
  for (; number > 1 && begin < text.size(); --number) begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

// A line taken apart: what stands before its =, behind it, where the parser stopped, and the word there.
struct Place {
  std::string_view line, key, value, rest, word;

  Place(std::string_view text, size_t number, size_t column) : line(nth_line(text, number)) {
    const size_t equals = line.find('=');
    key = trimmed(line.substr(0, equals));
    if (equals != std::string_view::npos) value = trimmed(line.substr(equals + 1));
    size_t at = 0;
    for (; column > 1 && at < line.size(); --column) at += std::max<size_t>(1, utf8_length(line, at));
    rest = line.substr(at);
    constexpr std::string_view ends = " \t\r,=[]{}()#\"'";
    const size_t before = at == 0 ? std::string_view::npos : line.find_last_of(ends, at - 1);
    const size_t begin = before == std::string_view::npos ? 0 : before + 1;
    word = line.substr(begin, line.find_first_of(ends, begin) - begin);
  }
};

std::string twice(std::string_view text, size_t line, const Place &p) {
  const std::string_view given = trimmed(p.line);
  const bool section = given.starts_with('[');
  const std::string_view what = section ? given.substr(0, given.find(']') + 1) : p.key;
  size_t first = line - 1;
  for (; first > 0; --first) {
    const std::string_view before = trimmed(nth_line(text, first));
    if (section ? before.starts_with(what) : trimmed(before.substr(0, before.find('='))) == what) break;
    if (!section && before.starts_with('[')) first = 1;  // another section's keys may have the name
  }
  const std::string where = first == 0 ? "" : fmt::format(", first in line {}", first);
  if (!section) return fmt::format("{} is given twice{}", printable(what, 60), where);
  return first == 0 ? "a key of that name is there already"
                    : fmt::format("the section is given twice{}: one section holds all of its keys", where);
}

std::string_view of_header(const Place &p) {
  if (contains(p.line, "[[")) return "a section is written in single brackets: [models.main]";
  const std::string_view rest = trimmed(p.rest);
  if (!rest.empty() && rest[0] == ']') return "a section is written in single brackets: [params]";
  if (!rest.empty() && contains(rest, "]")) {
    return "the parts of a section's name are joined by a point: [models.main]";
  }
  return "a section's name ends with a bracket: [params]";
}

std::string of_word(std::string_view word) {
  static const std::vector<std::string> booleans{"true", "false"};
  const std::string small = lower(word.substr(0, word.find(';')));
  if (small == "true" || small == "false") return small + " is written small, and nothing follows it";
  if (small == "yes" || small == "on") return "it is written true";
  if (small == "no" || small == "off") return "it is written false";
  for (const char *nothing : {"none", "null", "nil", "undefined"}) {
    if (small == nothing) return "TOML has no word for nothing: leave the key out";
  }
  if (small == "nan" || small == "inf") return small + " is written small";
  if (small == "infinity") return "it is written inf";
  if (word.empty()) return "";
  const bool version = std::count(word.begin(), word.end(), '.') > 1;
  const auto first = static_cast<unsigned char>(word[0]);
  if (std::isalpha(first) == 0 && first < 0x80 && !contains("_@$~/\\*", word.substr(0, 1)) && !version &&
      !word.starts_with("..") && !word.starts_with("./")) {
    return "";
  }
  return fmt::format("a text wants quotes: \"{}\"", printable(word, 60));
}

std::string_view of_number(std::string_view word) {
  if (word.starts_with('.') || word.ends_with('.')) return "a number has digits on both sides of the point: 0.5";
  if (word.find_first_of("/*%") != std::string_view::npos) return "want the number itself: nothing is calculated";
  return "want a plain number, without a unit";
}

// A key, then something else than its =.
std::string of_key(const Place &p) {
  const std::string_view rest = trimmed(p.rest);
  const char next = rest.empty() ? '\n' : rest[0];
  if (contains(p.line, "{") && !contains(p.key, "{")) return "a table in braces is written {key = value}";
  if (rest.starts_with(":=") || next == '+' || next == '-' || next == '*') return "a value follows a plain =";
  if (static_cast<unsigned char>(next) >= 0x80) {
    return fmt::format("a key with other letters than a to z stands in quotes: \"{}\" = …", printable(p.key, 60));
  }
  if (next == '\n') return "want key = value";
  const bool spaced = contains(p.line, "=") && contains(p.key, " ");
  return spaced ? "a key is one word: words are joined by _" : "a key and its value are joined by =: key = value";
}

// A value, then more on its line.
std::string of_more(const Place &p) {
  const std::string_view rest = trimmed(p.rest);
  const bool digit = !p.value.empty() && std::isdigit(static_cast<unsigned char>(p.value[0])) != 0;
  if (rest.starts_with("//") || rest.starts_with("--") || rest.starts_with("/*")) return "a comment begins with #";
  if (trimmed(p.line).starts_with('[')) return "a section's name stands alone on its line, its keys below it";
  if (rest == ",") return "no comma stands between keys: each has its own line";
  if (rest.starts_with(',') && digit) return "a number's point is a point (1.5), a list stands in brackets: [1, 5]";
  if (rest.starts_with(',')) return "several values are a list, in brackets: [\"a\", \"b\"]";
  if (rest.starts_with(']')) return "the ] closes nothing: a list begins with [";
  if (rest.starts_with('}')) return "the } closes nothing: a table begins with {";
  if (rest.starts_with('+') || rest.starts_with('"')) return "texts are not joined: one pair of quotes holds all of it";
  return "nothing but a comment, which begins with #, follows a value on its line";
}

std::string of_string(const Place &p) {
  if (contains(p.value, "\"\"\"") || contains(p.value, "'''")) return "its closing quotes are missing";
  return "the closing quote is missing; a text of several lines stands between \"\"\" and \"\"\"";
}

std::string of_list(std::string_view said, const Place &p) {
  if (contains(said, "saw comma")) return "a value is missing before the comma";
  if (contains(said, "end-of-file")) return "the ] that ends a list is missing";
  return fmt::format("a list's values are separated by commas, and ] ends it{}",
                     contains(p.line, ";") ? ": [1, 2]" : "");
}

std::string_view of_table(std::string_view said) {
  if (contains(said, "dangling")) return "no comma stands behind the last entry of a table in braces";
  if (contains(said, "saw '\\n'") || contains(said, "saw '\n'"))
    return "a table in braces is one line; a longer one is a section: [params.NAME]";
  return "a table in braces is written {a = 1, b = 2}";
}

std::string of_line(std::string_view text, std::string_view line) {
  const std::string_view s = trimmed(line), all = trimmed(text);
  if (all.starts_with('{') && s.starts_with('{'))
    return "this is JSON; TOML writes [bundle], then name = \"…\" below it";
  if (s.starts_with('<')) return "this is no TOML but XML or a web page";
  if (s.starts_with("//") || s.starts_with("--") || s.starts_with(';') || s.starts_with("/*"))
    return "a comment begins with #";
  for (const char *quote : {"“", "”", "„", "‘", "’", "«", "»"}) {
    if (contains(line, quote)) return "a text wants plain quotes: \"…\"";
  }
  if (contains(line, "\xc2\xa0")) return "the line has a no-break space, which is no blank for TOML";
  return "";
}

std::string of_value(std::string_view said, const Place &p) {
  const std::string_view rest = trimmed(p.rest);
  if (contains(said, "expected value, saw") || (contains(said, "key-value pair: encountered end") && p.value.empty()))
    return contains(p.line, "=") ? "the value behind = is missing" : "want key = value";
  if (rest.starts_with('(') || p.value.starts_with('(')) return "a list is written in brackets: [1, 2]";
  if (rest.starts_with('=')) return "a value follows a plain =";
  if (std::string advice = of_word(p.word); !advice.empty()) return advice;
  if (contains(said, "leading zeroes")) return "a number has no zero in front";
  if (contains(said, "not representable"))
    return "an integer has 64 bits; write a larger one as a text, or with a point";
  if (contains(said, "could not be interpreted")) return "the number is beyond what a double holds";
  if (contains(said, "decimal integer") && (contains(rest.substr(0, 1), ";") || contains(rest.substr(0, 1), ")")))
    return "a list's values are separated by commas, and ] ends it: [1, 2]";
  if (contains(said, "integer") || contains(said, "floating-point")) return std::string(of_number(p.word));
  return "";
}

std::string advice_of(std::string_view said, std::string_view text, size_t line, const Place &p) {
  if (contains(said, "utf-8")) {
    const bool wide = is_utf16(text) || contains(text, {"\0", 1});
    return wide ? "the file is UTF-16; save it as UTF-8" : "the file is not UTF-8; save it as that";
  }
  if (contains(said, "redefine")) return twice(text, line, p);
  if (std::string advice = of_line(text, p.line); !advice.empty()) return advice;
  if (contains(said, "control characters")) return of_string(p);
  if (contains(said, "escape") || contains(said, "unicode scalar"))
    return "\\ begins an escape: a text in single quotes has none, as 'C:\\data' and '\\d+'";
  if (contains(said, "parsing string") || contains(said, "literal string")) return of_string(p);
  if (contains(said, "parsing array")) return of_list(said, p);
  if (contains(said, "inline table")) return std::string(of_table(said));
  if (contains(said, "comment or whitespace")) {
    return contains(said, "table header") && trimmed(p.rest).starts_with(']') ? std::string(of_header(p)) : of_more(p);
  }
  if (contains(said, "table header: expected")) return std::string(of_header(p));
  if (contains(said, "blank") || contains(said, "parsing key:") || contains(said, "expected keys"))
    return "a name of letters, digits, _ or - is wanted here: key = value, or [section]";
  if (contains(said, "expected '='")) return of_key(p);
  return of_value(said, p);
}

}  // namespace

std::string toml_advice(std::string_view description, std::string_view text, size_t line, size_t column) {
  const Place place(text, line, column);
  std::string why = advice_of(lower(description), text, line, place);
  if (why.empty()) why = printable(description.substr(std::min(description.find(": ") + 2, description.size())));
  const std::string_view shown = trimmed(place.line);
  return shown.empty() ? why : fmt::format("in `{}`: {}", printable(shown, 100), why);
}

}  // namespace mrun
