#include "script/vm/lexer.h"

#include <algorithm>
#include <string>

namespace mrun {
namespace {

constexpr size_t none = std::string_view::npos;

bool is_decimal(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool is_end(char c) { return c == '\n' || c == '\r'; }

// Of "[==[": 2; none where no long bracket opens.
size_t long_level(std::string_view s) {
  const size_t level = s.find_first_not_of('=', 1) - 1;
  return level + 1 < s.size() && s[level + 1] == '[' ? level : none;
}

}  // namespace

// LuaJIT passes over a byte order mark, and over a first line that names an interpreter.
Lexer::Lexer(std::string_view text) : rest_(text) {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  if (rest_.starts_with('#')) skip_line();
}

std::optional<Token> Lexer::next() {
  skip_blanks();
  if (rest_.empty()) return std::nullopt;
  const char c = rest_[0];
  if (is_decimal(c) || (c == '.' && rest_.size() > 1 && is_decimal(rest_[1]))) return number();
  if (is_name(c)) return take(Token::name, name_size());
  if (c == '"' || c == '\'') return quoted(c);
  if (c == '[') {
    const size_t level = long_level(rest_);
    if (level != none) return long_string(Token::string, level);
  }
  return take(Token::other, 1);
}

Token Lexer::take(Token::Kind kind, size_t size) {
  const Token token{kind, rest_.substr(0, size), line_};
  advance(size);
  return token;
}

void Lexer::advance(size_t size) {
  line_ += static_cast<int>(std::count(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(size), '\n'));
  rest_.remove_prefix(size);
}

void Lexer::skip_line() { advance(std::min(rest_.find_first_of("\r\n"), rest_.size())); }

void Lexer::skip_blanks() {
  for (;;) {
    const size_t blanks = std::min(rest_.find_first_not_of(" \t\r\n\v\f"), rest_.size());
    advance(blanks);
    if (!rest_.starts_with("--")) return;
    const size_t level = rest_.size() > 2 && rest_[2] == '[' ? long_level(rest_.substr(2)) : none;
    if (level == none) {
      skip_line();
    } else {
      advance(2);
      long_string(Token::other, level);
    }
  }
}

size_t Lexer::name_size() const {
  size_t size = 1;
  while (size < rest_.size() && is_name(rest_[size])) ++size;
  return size;
}

Token Lexer::number() {
  const std::string_view digits = rest_.substr(rest_[0] == '.' ? 1 : 0);
  const bool hex = digits.size() > 1 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
  size_t size = 1;
  while (size < rest_.size()) {
    const char c = rest_[size], last = rest_[size - 1];
    const bool exponent = hex ? last == 'p' || last == 'P' : last == 'e' || last == 'E';
    if (!is_name(c) && c != '.' && !((c == '+' || c == '-') && exponent)) break;
    ++size;
  }
  return take(Token::number, size);
}

// Behind the backslash at `at` and what belongs to it: a line's end of two characters, all blanks after \z.
size_t Lexer::escape_end(size_t at) const {
  const size_t next = at + 1;
  if (next >= rest_.size()) return next;
  if (rest_[next] == 'z') return std::min(rest_.find_first_not_of(" \t\r\n\v\f", next + 1), rest_.size());
  const bool two =
      is_end(rest_[next]) && next + 1 < rest_.size() && is_end(rest_[next + 1]) && rest_[next + 1] != rest_[next];
  return next + (two ? 2 : 1);
}

Token Lexer::quoted(char quote) {
  size_t size = 1;
  while (size < rest_.size() && rest_[size] != quote && !is_end(rest_[size])) {
    size = rest_[size] == '\\' ? escape_end(size) : size + 1;
  }
  size = std::min(size, rest_.size());
  const Token token{Token::string, rest_.substr(1, size - 1), line_};
  advance(std::min(size + 1, rest_.size()));
  return token;
}

Token Lexer::long_string(Token::Kind kind, size_t level) {
  const std::string close = "]" + std::string(level, '=') + "]";
  const size_t begin = level + 2, end = rest_.find(close, begin);
  const size_t size = end == none ? rest_.size() : end + close.size();
  const Token token{kind, rest_.substr(begin, std::min(end, rest_.size()) - begin), line_};
  advance(size);
  return token;
}

Tokens tokens_of(std::string_view text) {
  Tokens tokens;
  Lexer lexer(text);
  while (const auto token = lexer.next()) tokens.push_back(*token);
  return tokens;
}

}  // namespace mrun
