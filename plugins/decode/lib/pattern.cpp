#include "pattern.h"

#include <algorithm>
#include <mrun/message.hpp>
#include <optional>
#include <string>

#include "error.h"

namespace decode {
namespace {

constexpr uint32_t last_point = 0x10FFFF;
constexpr int deepest = 200;           // groups inside each other
constexpr int32_t most_times = 10000;  // of {m,n}

CodePoints normalized(CodePoints points) {
  std::sort(points.begin(), points.end());
  CodePoints merged;
  for (const auto &[first, last] : points) {
    if (!merged.empty() && first <= merged.back().second + 1) {
      merged.back().second = std::max(merged.back().second, last);
    } else {
      merged.emplace_back(first, last);
    }
  }
  return merged;
}

CodePoints opposite(const CodePoints &points) {
  CodePoints result;
  uint32_t next = 0;
  for (const auto &[first, last] : normalized(points)) {
    if (first > next) result.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= last_point) result.emplace_back(next, last_point);
  return result;
}

// \d \w \s: as Python's re has them with re.ASCII.
std::optional<CodePoints> class_of(char letter) {
  switch (letter) {
    case 'd': return CodePoints{{'0', '9'}};
    case 'w': return CodePoints{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 's': return CodePoints{{'\t', '\r'}, {' ', ' '}};
    case 'D':
    case 'W':
    case 'S': return opposite(*class_of(static_cast<char>(letter - 'A' + 'a')));
    default: return std::nullopt;
  }
}

// What stands for a group that is none here; text: from its ? on.
std::string advice_on_group(std::string_view text) {
  const auto begins = [&](std::string_view s) { return text.starts_with(s); };
  const std::string taken = "groups are ( ) and (?: ) here, ";
  if (begins("?=") || begins("?!") || begins("?<=") || begins("?<!"))
    return taken + "without looking ahead or behind: write the texts that fit, as alternatives";
  if (begins("?P<") || begins("?<") || begins("?'")) return taken + "without names: leave the name out";
  const size_t end = text.find_first_not_of("aiLmsuxn-", 1);
  if (end == std::string_view::npos || end == 1 || (text[end] != ')' && text[end] != ':'))
    return taken + "without what (? begins otherwise";
  const std::string flags = taken + "without flags: ";
  if (text.substr(1, end - 1).find('i') != std::string_view::npos)
    return flags + "write [Aa] for a letter of either case";
  if (text.substr(1, end - 1).find('s') != std::string_view::npos) return flags + "write [\\s\\S] for any character";
  return flags + "write the pattern as it is meant without them";
}

std::string advice_on_escape(char letter) {
  const std::string_view ends = "AZzBbG";
  if (ends.find(letter) != std::string_view::npos)
    return " is not known here: all of the text is matched, from its beginning to its end";
  if (letter == 'p' || letter == 'P') return " is not known here: write the characters in brackets, as [a-zà-ÿ]";
  if (letter >= '1' && letter <= '9') return " is not known here: what a group matched cannot be asked for again";
  return std::string(
      " is not known here; \\d \\w \\s and their capitals are, \\n \\t \\xHH \\uHHHH, and \\ before a sign");
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Pattern all() {
    if (looking_at('^')) ++at_;
    Pattern p = choice(0);
    if (at_ < text_.size()) wrong("a ) without its (");
    return p;
  }

 private:
  [[noreturn]] void wrong(const std::string &what) const {
    throw Error(Error::setting, "constrain: regex \"" + mrun::shortened(text_, 100) + "\": at byte " +
                                    std::to_string(at_ + 1) + ": " + what);
  }
  bool looking_at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool looking_at(std::string_view s) const { return text_.substr(at_, s.size()) == s; }

  char take() {
    if (at_ == text_.size()) wrong("the pattern ends too soon");
    return text_[at_++];
  }

  uint32_t code_point() {  // UTF-8, which the caller has checked
    const auto lead = static_cast<uint8_t>(take());
    if (lead < 0x80) return lead;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    uint32_t point = lead & (0x3FU >> more);
    for (int i = 0; i < more; ++i) point = point << 6 | (static_cast<uint8_t>(take()) & 0x3FU);
    return point;
  }

  Pattern choice(int depth) {
    if (depth > deepest) wrong("groups are nested too deeply");
    Pattern p{Pattern::choice, {}, {}, 0, 0};
    p.parts.push_back(sequence(depth));
    while (looking_at('|')) {
      ++at_;
      p.parts.push_back(sequence(depth));
    }
    return p;
  }

  Pattern sequence(int depth) {
    Pattern p;
    while (at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')') {
      if (text_[at_] == '$' && at_ + 1 == text_.size()) {
        ++at_;
        break;
      }
      p.parts.push_back(quantified(atom(depth)));
    }
    return p;
  }

  Pattern atom(int depth) {
    const size_t begin = at_;
    const uint32_t c = code_point();
    switch (c) {
      case '(': return group(depth);
      case '[': return {Pattern::characters, bracket(), {}, 0, 0};
      case '.': return {Pattern::characters, opposite({{'\n', '\n'}}), {}, 0, 0};
      case '\\': return {Pattern::characters, escape(false), {}, 0, 0};
      case '*':
      case '+':
      case '?': at_ = begin; wrong("there is nothing to repeat");
      case '{':
        at_ = begin;
        if (looking_at_counts()) wrong("there is nothing to repeat");
        ++at_;
        return {Pattern::characters, {{c, c}}, {}, 0, 0};
      case '^':
      case '$': at_ = begin; wrong("^ and $ stand at the ends of a pattern only: all of the text is matched anyway");
      default: return {Pattern::characters, {{c, c}}, {}, 0, 0};
    }
  }

  Pattern group(int depth) {
    if (looking_at("?:")) {
      at_ += 2;
    } else if (looking_at('?')) {
      wrong(advice_on_group(text_.substr(at_)));
    }
    Pattern p = choice(depth + 1);
    if (!looking_at(')')) wrong("a ( without its )");
    ++at_;
    return p;
  }

  std::optional<int32_t> number() {
    std::optional<int32_t> n;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      n = std::min(n.value_or(0) * 10 + (text_[at_++] - '0'), most_times + 1);
    }
    return n;
  }

  // {m} {m,} {,n} {m,n} {,}; anything else in braces stands for itself, as in Python.
  std::optional<std::pair<int32_t, int32_t>> counts() {
    const size_t begin = at_++;
    const auto least = number();
    auto most = least;
    if (looking_at(',')) {
      ++at_;
      most = number().value_or(-1);
      if (looking_at('}')) return ++at_, std::pair(least.value_or(0), *most);
    } else if (looking_at('}') && least) {
      return ++at_, std::pair(*least, *most);
    }
    at_ = begin;
    return std::nullopt;
  }

  bool looking_at_counts() {
    const size_t begin = at_;
    const bool found = looking_at('{') && counts();
    at_ = begin;
    return found;
  }

  Pattern quantified(Pattern one) {
    std::optional<std::pair<int32_t, int32_t>> times;
    if (looking_at('*')) times = {0, -1};
    if (looking_at('+')) times = {1, -1};
    if (looking_at('?')) times = {0, 1};
    if (times) {
      ++at_;
    } else if (looking_at('{')) {
      times = counts();
    }
    if (!times) return one;
    if (std::max(times->first, times->second) > most_times) wrong("a count above " + std::to_string(most_times));
    if (times->second >= 0 && times->second < times->first) wrong("a count whose end is below its beginning");
    if (looking_at('?')) ++at_;  // lazy: the same texts
    if (looking_at('*') || looking_at('+') || looking_at('?') || looking_at_counts()) wrong("a second quantifier");
    Pattern p{Pattern::repeat, {}, {}, times->first, times->second};
    p.parts.push_back(std::move(one));
    return p;
  }

  uint32_t hexadecimal(int digits) {
    uint32_t point = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = take();
      const bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'f';
      if (!digit && !letter) wrong("a hexadecimal number was wanted");
      point = std::min(point * 16 + static_cast<uint32_t>(digit ? c - '0' : (c | 32) - 'a' + 10), last_point + 1);
    }
    return point;
  }

  uint32_t hexadecimal_escape(char letter) {
    if (letter == 'u') return hexadecimal(4);
    if (letter == 'U') return hexadecimal(8);
    if (!looking_at('{')) return hexadecimal(2);
    const size_t end = text_.find('}', ++at_);
    if (end == std::string_view::npos || end == at_) wrong("\\x{ without its number or }");
    const uint32_t point = hexadecimal(static_cast<int>(end - at_));  // a pattern has at most 100,000 bytes
    ++at_;
    return point;
  }

  // \0 and at most two more digits, as in Python.
  uint32_t octal() {
    uint32_t point = 0;
    for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i) {
      point = point * 8 + static_cast<uint32_t>(text_[at_++] - '0');
    }
    return point;
  }

  // What a backslash begins.
  CodePoints escape(bool in_bracket) {
    const uint32_t c = code_point();
    const auto letter = static_cast<char>(c < 128 ? c : 0);
    if (auto points = class_of(letter)) return *points;
    static constexpr std::string_view names = "ntrfva", values = "\n\t\r\f\v\a";
    const size_t known = names.find(letter);
    uint32_t point = c;
    if (c < 128 && known != std::string_view::npos) {
      point = static_cast<uint8_t>(values[known]);
    } else if (letter == '0') {
      point = octal();
    } else if (letter == 'x' || letter == 'u' || letter == 'U') {
      point = hexadecimal_escape(letter);
      if (point > last_point) wrong("there is no such character");
    } else if (letter == 'b' && in_bracket) {
      point = '\b';
    } else if ((letter >= '0' && letter <= '9') || ((letter | 32) >= 'a' && (letter | 32) <= 'z')) {
      wrong(std::string("\\") + letter + advice_on_escape(letter));
    }
    return {{point, point}};
  }

  CodePoints bracket_item() {
    if (looking_at('\\')) return ++at_, escape(true);
    const uint32_t c = code_point();
    return {{c, c}};
  }

  static bool is_one(const CodePoints &p) { return p.size() == 1 && p[0].first == p[0].second; }

  CodePoints bracket() {
    const bool negated = looking_at('^');
    if (negated) ++at_;
    CodePoints points;
    for (bool first = true; first || !looking_at(']'); first = false) {
      CodePoints item = bracket_item();
      if (looking_at('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        const CodePoints end = bracket_item();
        if (!is_one(item) || !is_one(end) || end[0].first < item[0].first) wrong("a range whose ends make none");
        item[0].second = end[0].second;
      }
      points.insert(points.end(), item.begin(), item.end());
      if (at_ == text_.size()) wrong("a [ without its ]");
    }
    ++at_;
    return negated ? opposite(points) : normalized(points);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Pattern parse_pattern(std::string_view text) { return Parser(text).all(); }

}  // namespace decode
