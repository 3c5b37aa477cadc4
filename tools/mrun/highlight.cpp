#include "highlight.h"

#include <algorithm>
#include <array>

#include "view.h"

namespace command {
namespace {

constexpr std::string_view keyword_colour = "\033[35m", string_colour = "\033[32m", number_colour = "\033[36m",
                           comment_colour = "\033[90m", name_colour = "\033[34m", plain = "\033[0m";

constexpr std::array<std::string_view, 22> lua_keywords{
    "and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};
constexpr std::array<std::string_view, 5> literals{"true", "false", "null", "inf", "nan"};

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

enum class Language { lua, toml, json };

// One pass over the text: every token has an end that depends on the text alone, so damaged texts only look odd.
class Lexer {
 public:
  Lexer(std::string_view text, Language language) : text_(text), language_(language) {}

  std::string run() {
    while (at_ < text_.size()) token();
    return std::move(out_);
  }

 private:
  bool starts(std::string_view with) const { return text_.substr(at_, with.size()) == with; }

  // Everything up to `end` in a colour; on each line anew, so that a pager may cut between them.
  void paint(size_t end, std::string_view colour) {
    end = std::min(end, text_.size());
    while (at_ < end) {
      const size_t stop = std::min(text_.find('\n', at_), end);
      if (stop > at_)
        out_ += std::string(colour) + escaped_controls(text_.substr(at_, stop - at_)) + std::string(plain);
      if (stop < end) out_ += '\n';
      at_ = stop < end ? stop + 1 : end;
    }
  }

  size_t end_of_line() const { return std::min(text_.find('\n', at_), text_.size()); }

  size_t after(std::string_view end, size_t from) const {
    const size_t found = text_.find(end, from);
    return found == std::string_view::npos ? text_.size() : found + end.size();
  }

  // Of a quoted string: its closing quote, or the end of the line.
  size_t end_of_string(char quote, bool escapes) const {
    for (size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\' && escapes) {
        ++i;
      } else if (text_[i] == quote) {
        return i + 1;
      } else if (text_[i] == '\n') {
        return i;
      }
    }
    return text_.size();
  }

  // "[[", "[==[": how many characters, or 0.
  size_t long_bracket(size_t from) const {
    if (from >= text_.size() || text_[from] != '[') return 0;
    size_t i = from + 1;
    while (i < text_.size() && text_[i] == '=') ++i;
    return i < text_.size() && text_[i] == '[' ? i + 1 - from : 0;
  }

  size_t end_of_long(size_t from, size_t bracket) const {
    return after("]" + std::string(bracket - 2, '=') + "]", from + bracket);
  }

  bool key_follows(size_t from) const {  // JSON: a string before a colon
    while (from < text_.size() && (text_[from] == ' ' || text_[from] == '\n')) ++from;
    return from < text_.size() && text_[from] == ':';
  }

  bool line_begins() const {
    size_t i = at_;
    while (i > 0 && (text_[i - 1] == ' ' || text_[i - 1] == '\t')) --i;
    return i == 0 || text_[i - 1] == '\n';
  }

  void word() {
    size_t end = at_;
    while (end < text_.size() && (letter(text_[end]) || digit(text_[end]) || text_[end] == '-')) {
      if (text_[end] == '-' && language_ == Language::lua) break;
      ++end;
    }
    const std::string_view w = text_.substr(at_, end - at_);
    const bool key = language_ == Language::lua
                         ? std::find(lua_keywords.begin(), lua_keywords.end(), w) != lua_keywords.end()
                         : std::find(literals.begin(), literals.end(), w) != literals.end();
    if (key) return paint(end, keyword_colour);
    if (language_ == Language::toml && line_begins()) return paint(end, name_colour);
    out_ += w;
    at_ = end;
  }

  void number() {
    size_t end = at_;
    while (end < text_.size() && (digit(text_[end]) || letter(text_[end]) || text_[end] == '.' ||
                                  ((text_[end] == '-' || text_[end] == '+') && (text_[end - 1] | 32) == 'e'))) {
      ++end;
    }
    paint(end, number_colour);
  }

  bool comment() {
    if (language_ == Language::lua && starts("--")) {
      const size_t bracket = long_bracket(at_ + 2);
      paint(bracket > 0 ? end_of_long(at_ + 2, bracket) : end_of_line(), comment_colour);
      return true;
    }
    if (language_ != Language::toml || text_[at_] != '#') return false;
    paint(end_of_line(), comment_colour);
    return true;
  }

  bool string() {
    const char c = text_[at_];
    if (language_ == Language::lua) {
      if (const size_t bracket = long_bracket(at_); bracket > 0) {
        paint(end_of_long(at_, bracket), string_colour);
        return true;
      }
    }
    if (language_ == Language::toml && (starts("\"\"\"") || starts("'''"))) {
      paint(after(text_.substr(at_, 3), at_ + 3), string_colour);
      return true;
    }
    if (c != '"' && (c != '\'' || language_ == Language::json)) return false;
    const size_t end = end_of_string(c, !(language_ == Language::toml && c == '\''));
    const bool key = language_ == Language::json && key_follows(end);
    paint(end, key ? name_colour : string_colour);
    return true;
  }

  void token() {
    const char c = text_[at_];
    if (comment()) return;
    if (language_ == Language::toml && c == '[' && line_begins()) return paint(after("]", at_), keyword_colour);
    if (string()) return;
    if (letter(c)) return word();
    if (digit(c)) return number();
    size_t end = at_ + 1;  // whole characters
    while (end < text_.size() && (text_[end] & 0x80) != 0) ++end;
    out_ += escaped_controls(text_.substr(at_, end - at_));
    at_ = end;
  }

  std::string_view text_;
  const Language language_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string highlighted(std::string_view text, std::string_view path) {
  if (path.ends_with(".lua")) return Lexer(text, Language::lua).run();
  if (path.ends_with(".toml")) return Lexer(text, Language::toml).run();
  if (path.ends_with(".json")) return Lexer(text, Language::json).run();
  return escaped_controls(text);
}

}  // namespace command
