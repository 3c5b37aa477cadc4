// The tokens of Lua source.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

namespace mrun {

struct Token {
  enum Kind { name, number, string, other } kind;
  std::string_view text;  // of a string: what is between the quotes, escapes as written
  int line;
};

// Tokens as LuaJIT's lexer sees them, one character each where they are operators; comments and blanks are skipped.
class Lexer {
 public:
  explicit Lexer(std::string_view text);
  std::optional<Token> next();

 private:
  Token take(Token::Kind kind, size_t size);
  void advance(size_t size);
  void skip_line();
  void skip_blanks();
  size_t name_size() const;
  Token number();
  size_t escape_end(size_t at) const;
  Token quoted(char quote);
  Token long_string(Token::Kind kind, size_t level);

  std::string_view rest_;
  int line_ = 1;
};

using Tokens = std::vector<Token>;
Tokens tokens_of(std::string_view text);

}  // namespace mrun
