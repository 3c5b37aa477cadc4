#include "value/json_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace mrun {
namespace {

bool of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || contains("_.-/+", {&c, 1}) || (c & 0x80) != 0;
}

// The text around the byte where the parser stopped.
struct Spot {
  std::string_view rest, word;
  char at = 0, before = 0;  // the byte, and the last one before it that is no blank

  Spot(std::string_view text, size_t read) {
    const size_t place = std::min(read == 0 ? 0 : read - 1, text.size());
    rest = text.substr(place);
    at = rest.empty() ? '\0' : rest[0];
    const size_t last = place == 0 ? std::string_view::npos : text.find_last_not_of(" \t\r\n", place - 1);
    if (last != std::string_view::npos) before = text[last];
    size_t begin = place, end = place;
    while (begin > 0 && of_word(text[begin - 1])) --begin;
    while (end < text.size() && of_word(text[end])) ++end;
    word = text.substr(begin, end - begin);
  }
};

std::string of_literal(const Spot &s) {
  if (s.at == '\'' || s.at == '`') return "a text wants double quotes: \"…\"";
  if (s.rest.starts_with("//") || s.rest.starts_with("/*") || s.at == '#') return "JSON has no comments";
  if (s.at == '(') return "a list is written in brackets: [1, 2]";
  if (s.at == '=' || s.rest.starts_with(" =")) return "a key and its value are joined by a colon: {\"key\": 1}";
  if (s.at == '<') return "this is a web page or XML";
  if (s.at == ';') return "what follows another is behind a comma";
  for (const char *quote : {"“", "”", "„", "‘", "’", "«", "»"}) {
    if (s.rest.starts_with(quote)) return "a text wants plain quotes: \"…\"";
  }
  if (s.word.empty()) return "";
  std::string small(s.word);
  std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
  if (small == "true" || small == "false") return fmt::format("it is written {}", small);
  for (const char *nothing : {"none", "null", "nil", "undefined"}) {
    if (small == nothing) return "it is written null";
  }
  for (const char *number : {"nan", "inf", "infinity", "-nan", "-inf", "-infinity"}) {
    if (small == number) return "JSON has no NaN and no infinity";
  }
  const char first = s.word[0];
  if (first == '+') return "a number has no + in front";
  if (first == '.' && s.word.size() > 1 && std::isdigit(static_cast<unsigned char>(s.word[1])) != 0)
    return "a number has a digit before the point: 0.5";
  if (std::isdigit(static_cast<unsigned char>(first)) != 0 || first == '-')
    return "a number is written as 12, 0.5 or 1e-4";
  const size_t length = static_cast<size_t>(s.word.end() - s.rest.begin());
  const std::string_view behind = length < s.rest.size() ? s.rest.substr(length) : "";
  if (behind.starts_with('(')) return "a tensor or array is a nested list: [[1, 2], [3, 4]]";
  if (behind.starts_with('"') || behind.starts_with('\'')) return "no letter stands before a text's quotes";
  return fmt::format("a text wants double quotes: \"{}\"", printable(s.word, 60));
}

std::string of_key(const Spot &s) {
  if (s.at == '}' && s.before == ',') return "no comma stands behind the last value";
  if (s.at == '\'' || s.at == '`') return "a key wants double quotes: {\"key\": 1}";
  if (std::isdigit(static_cast<unsigned char>(s.at)) != 0)
    return "braces hold keys, as texts, with values: {\"key\": 1}; a list stands in brackets: [1, 2]";
  return "a key wants double quotes: {\"key\": 1}";
}

std::string of_end(std::string_view text, const Spot &s) {
  if (s.at == '}' || s.at == ']') return "it closes nothing";
  if (s.at == ',') return "several values are a list: [1, 2]; a number's point is a point";
  if (contains(text.substr(0, static_cast<size_t>(s.rest.begin() - text.begin())), "\n"))
    return "one value is wanted; several, one a line, are several inputs (--jsonl; mrun_from_json of each)";
  const size_t word = static_cast<size_t>(s.word.data() - text.data());
  if (word > 0 && !s.word.empty() && text[word - 1] == ' ' && std::isdigit(static_cast<unsigned char>(s.word[0])) != 0)
    return "one value is wanted; several are a list: [1, 2]";
  return s.at == '_' || std::isalnum(static_cast<unsigned char>(s.at)) != 0 ? of_literal(s) : "one value is wanted";
}

std::string advice_of(std::string_view said, std::string_view text, const Spot &s) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return "it is empty: a JSON value is wanted";
  if (contains(said, "closing quote") || contains(said, "control character")) {
    return contains(said, "U+000A") ? "a text ends on its line: a line's end in it is written \\n" : "";
  }
  if (contains(said, "after backslash")) return "a backslash is written \\\\";
  if (contains(said, "end of input;")) return "it ends early: a ], } or value is missing";
  if (contains(said, "invalid literal") && contains(said, "; expected string literal")) return of_key(s);
  if (contains(said, "expected end of input")) return of_end(text, s);
  if (contains(said, "invalid literal")) return of_literal(s);
  if (contains(said, "invalid number")) return "a number is written as 12, 0.5 or 1e-4";
  if (contains(said, "; expected string literal")) return of_key(s);
  if ((s.at == ']' || s.at == '}') && s.before == ',') return "no comma stands behind the last value";
  if (s.at == ',') return "a value is missing before the comma";
  const bool wants_end = contains(said, "expected ']'") || contains(said, "expected '}'");
  if (wants_end && contains(said, "literal;")) return "a comma is missing before it";
  return "";
}

}  // namespace

std::string json_advice(std::string_view said, std::string_view text, size_t read) {
  const std::string advice = advice_of(said, text, Spot(text, read));
  return advice.empty() ? std::string(said) : fmt::format("{}; {}", said.substr(0, said.find(';')), advice);
}

}  // namespace mrun
