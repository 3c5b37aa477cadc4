#include "script/lua/source.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace mrun {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

struct Token {
  enum Kind { name, number, string, other } kind;
  std::string_view text;  // of a string: what is between the quotes, escapes as written
  int line;
};

// Tokens as LuaJIT's lexer sees them; comments and blanks are skipped.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    if (rest_.starts_with('#')) skip_line();
  }

  std::optional<Token> next() {
    skip_blanks();
    if (rest_.empty()) return std::nullopt;
    const char c = rest_[0];
    if (is_digit(c) || (c == '.' && rest_.size() > 1 && is_digit(rest_[1]))) return number();
    if (is_name(c)) return take(Token::name, name_size());
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '[') {
      const size_t level = long_level(rest_);
      if (level != none) return long_string(Token::string, level);
    }
    return take(Token::other, 1);
  }

 private:
  static constexpr size_t none = std::string_view::npos;

  Token take(Token::Kind kind, size_t size) {
    const Token token{kind, rest_.substr(0, size), line_};
    advance(size);
    return token;
  }

  void advance(size_t size) {
    line_ += static_cast<int>(std::count(rest_.begin(), rest_.begin() + static_cast<ptrdiff_t>(size), '\n'));
    rest_.remove_prefix(size);
  }

  static bool is_end(char c) { return c == '\n' || c == '\r'; }

  void skip_line() { advance(std::min(rest_.find_first_of("\r\n"), rest_.size())); }

  void skip_blanks() {
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

  size_t name_size() const {
    size_t size = 1;
    while (size < rest_.size() && is_name(rest_[size])) ++size;
    return size;
  }

  Token number() {
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
  size_t escape_end(size_t at) const {
    const size_t next = at + 1;
    if (next >= rest_.size()) return next;
    if (rest_[next] == 'z') return std::min(rest_.find_first_not_of(" \t\r\n\v\f", next + 1), rest_.size());
    const bool two =
        is_end(rest_[next]) && next + 1 < rest_.size() && is_end(rest_[next + 1]) && rest_[next + 1] != rest_[next];
    return next + (two ? 2 : 1);
  }

  Token quoted(char quote) {
    size_t size = 1;
    while (size < rest_.size() && rest_[size] != quote && !is_end(rest_[size])) {
      size = rest_[size] == '\\' ? escape_end(size) : size + 1;
    }
    size = std::min(size, rest_.size());
    const Token token{Token::string, rest_.substr(1, size - 1), line_};
    advance(std::min(size + 1, rest_.size()));
    return token;
  }

  // Of "[==[": 2; none where no long bracket opens.
  static size_t long_level(std::string_view s) {
    const size_t level = s.find_first_not_of('=', 1) - 1;
    return level + 1 < s.size() && s[level + 1] == '[' ? level : none;
  }

  Token long_string(Token::Kind kind, size_t level) {
    const std::string close = "]" + std::string(level, '=') + "]";
    const size_t begin = level + 2, end = rest_.find(close, begin);
    const size_t size = end == none ? rest_.size() : end + close.size();
    const Token token{kind, rest_.substr(begin, std::min(end, rest_.size()) - begin), line_};
    advance(size);
    return token;
  }

  std::string_view rest_;
  int line_ = 1;
};

// LL, ULL, LLU in any case make 64-bit integers, i complex numbers; no other number has these letters.
bool makes_cdata(std::string_view number) { return number.find_first_of("lLiI") != std::string_view::npos; }

[[noreturn]] void refuse(const std::string &script, const Token &token, const std::string &problem) {
  Error e(MRUN_SCRIPT, fmt::format("{}:{}: {}", script, token.line, problem));
  e.script = script;
  e.line = token.line;
  throw e;
}

// `t.__mode =`: setmetatable takes the field out, set later it would make a table weak.
class ModeAssignment {
 public:
  // True for the token behind it.
  bool before(const Token &token) {
    const bool found = step_ == 3 && token.text != "=";  // not ==
    if (token.kind == Token::other && token.text == ".") {
      step_ = 1;
    } else if (step_ == 1 && token.kind == Token::name && token.text == "__mode") {
      step_ = 2;
    } else {
      step_ = step_ == 2 && token.text == "=" ? 3 : 0;
    }
    return found;
  }

 private:
  int step_ = 0;
};

using Tokens = std::vector<Token>;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Whether a call that gives a tensor of booleans stands before `at`, the place of its name.
bool gives_mask(const Tokens &tokens, size_t at) {
  if (at < 2 || at + 1 >= tokens.size() || tokens[at + 1].text != "(") return false;
  const bool method = tokens[at - 1].text == ":";
  if (!method && !(tokens[at - 1].text == "." && tokens[at - 2].text == "torch")) return false;
  return is_one_of(tokens[at].text, {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "logical_and",
                                     "logical_or", "logical_not"});
}

// What stands behind the parenthesis that opens at `at`; empty at the end.
std::string_view behind_parentheses(const Tokens &tokens, size_t at) {
  for (int depth = 0; at < tokens.size(); ++at) {
    if (tokens[at].kind != Token::other) continue;
    if (tokens[at].text == "(") ++depth;
    if (tokens[at].text == ")" && --depth == 0) return at + 1 < tokens.size() ? tokens[at + 1].text : "";
  }
  return "";
}

bool is_parameter(const Tokens &tokens, size_t at) {
  return at >= 2 && tokens[at].kind == Token::name && tokens[at - 1].text == "." && tokens[at - 2].text == "params" &&
         !(at >= 3 && is_one_of(tokens[at - 3].text, {".", ":"}));
}

}  // namespace

void check_source(const std::string &script, std::string_view text) {
  if (text.starts_with('\x1b')) fail(MRUN_SCRIPT, "{}: is bytecode; only text is accepted", script);
  Lexer lexer(text);
  ModeAssignment mode;
  while (const auto token = lexer.next()) {
    if (mode.before(*token)) {
      refuse(script, *token, "there are no weak tables: __mode has no meaning here, and cannot be set");
    }
    if (token->kind == Token::number && makes_cdata(token->text)) {
      refuse(script, *token,
             fmt::format("the number {} is C data, which scripts do not have; write a plain number",
                         token->text.substr(0, 40)));
    }
  }
}

std::vector<std::string> doubts(const std::string &script, std::string_view text,
                                const std::vector<std::string> &params) {
  Tokens tokens;
  Lexer lexer(text);
  while (const auto token = lexer.next()) tokens.push_back(*token);
  std::vector<std::string> found;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string name(tokens[i].text);
    if (is_parameter(tokens, i) && std::find(params.begin(), params.end(), name) == params.end()) {
      const std::string meant = did_you_mean(name, params);
      if (meant.empty()) continue;  // a parameter that may be absent
      found.push_back(fmt::format("{}:{}: params.{} is nil: bundle.toml has no such parameter{}", script,
                                  tokens[i].line, printable(name), meant));
    } else if (gives_mask(tokens, i) && is_one_of(behind_parentheses(tokens, i + 1), {"then", "do", "and", "or"})) {
      found.push_back(
          fmt::format("{}:{}: a tensor in a condition is true whatever is in it: {}(…) wants :item(), "
                      ":any() or :all() behind it",
                      script, tokens[i].line, name));
    }
  }
  return found;
}

std::vector<int> return_lines(std::string_view text, int first_line, int last_line) {
  std::vector<int> lines;
  bool behind_return = false;
  Lexer lexer(text);
  for (auto token = lexer.next(); token && token->line <= last_line; token = lexer.next()) {
    // The `return function` that hands the function itself over is outside of it.
    if (behind_return && token->text == "function" && lines.back() == first_line) lines.pop_back();
    behind_return = token->kind == Token::name && token->text == "return" && token->line >= first_line;
    if (behind_return) lines.push_back(token->line);
  }
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

std::vector<std::string> literals_after(std::string_view text, std::string_view name) {
  std::vector<std::string> found;
  Lexer lexer(text);
  int state = 0;  // 1: behind the name, 2: behind its parenthesis
  bool field = false;
  while (const auto token = lexer.next()) {
    if (token->kind == Token::string && state > 0) {
      if (std::find(found.begin(), found.end(), token->text) == found.end()) found.emplace_back(token->text);
      state = 0;
    } else if (token->kind == Token::name && token->text == name && !field) {
      state = 1;
    } else {
      state = state == 1 && token->text == "(" ? 2 : 0;
    }
    field = token->kind == Token::other && (token->text == "." || token->text == ":");
  }
  return found;
}

}  // namespace mrun
