#include "script/lua/source.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "script/vm/lexer.h"

namespace mrun {
namespace {

// LL, ULL, LLU in any case make 64-bit integers, i complex numbers; no other number has these letters.
bool makes_cdata(std::string_view number) { return number.find_first_of("lLiI") != std::string_view::npos; }

[[noreturn]] void refuse_token(const std::string &script, const Token &token, const std::string &problem) {
  Error e(MRUN_SCRIPT, fmt::format("{}:{}: {}", script, token.line, problem));
  e.script = script;
  e.line = token.line;
  throw e;
}

// `t.__mode =` and `t["__mode"] =`: setmetatable takes the field out, set later it would make a table weak.
class ModeAssignment {
 public:
  // True for the token behind it.
  bool before(const Token &token) {
    const bool found = step_ == Step::assigned && token.text != "=";  // not ==
    step_ = after(token);
    indexable_ = token.kind == Token::name || token.text == ")" || token.text == "]";  // in {["__mode"] = …} nothing is
    return found;
  }

 private:
  enum class Step { none, dot, bracket, key, field, assigned };

  Step after(const Token &token) const {
    if (token.kind == Token::other && token.text == ".") return Step::dot;
    if (token.kind == Token::other && token.text == "[" && indexable_) return Step::bracket;
    if (step_ == Step::dot && token.kind == Token::name && token.text == "__mode") return Step::field;
    if (step_ == Step::bracket && token.kind == Token::string && token.text == "__mode") return Step::key;
    if (step_ == Step::key && token.text == "]") return Step::field;
    return step_ == Step::field && token.text == "=" ? Step::assigned : Step::none;
  }

  Step step_ = Step::none;
  bool indexable_ = false;
};

// LuaJIT's parser looks at all open jumps again and again: its time grows with their square, and nothing ends it.
constexpr int most_jumps = 10'000;

}  // namespace

void check_source(const std::string &script, std::string_view text) {
  if (text.starts_with('\x1b')) fail(MRUN_SCRIPT, "{}: is bytecode; only text is accepted", script);
  Lexer lexer(text);
  ModeAssignment mode;
  int jumps = 0;
  while (const auto token = lexer.next()) {
    if (mode.before(*token)) {
      refuse_token(script, *token, "there are no weak tables: __mode has no meaning here, and cannot be set");
    }
    if (token->kind == Token::name && token->text == "goto" && ++jumps > most_jumps) {
      refuse_token(script, *token, fmt::format("the file has more than {} goto statements", most_jumps));
    }
    if (token->kind == Token::number && makes_cdata(token->text)) {
      refuse_token(script, *token,
                   fmt::format("the number {} is C data, which scripts do not have; write a plain number",
                               token->text.substr(0, 40)));
    }
  }
}

namespace {

// Follows which blocks are open, token by token.
class Blocks {
 public:
  void take(const Token &token) {
    if (token.kind != Token::name) return;
    const std::string_view word = token.text;
    if (word == "function" || word == "do" || word == "if" || word == "repeat") {
      functions_ += word == "function" ? 1 : 0;
      open_.push_back(word == "function");
    } else if ((word == "end" || word == "until") && !open_.empty()) {
      functions_ -= open_.back() ? 1 : 0;
      open_.pop_back();
    }
  }
  int functions() const { return functions_; }  // that are open

 private:
  std::vector<bool> open_;  // whether it is a function's
  int functions_ = 0;
};

}  // namespace

std::vector<int> return_lines(std::string_view text, int first_line, int last_line) {
  std::vector<int> lines;
  Blocks blocks;
  int own = 0;  // how many functions are open in it
  Lexer lexer(text);
  for (auto token = lexer.next(); token && token->line <= last_line; token = lexer.next()) {
    blocks.take(*token);
    if (token->kind != Token::name) continue;
    if (own == 0 && token->line >= first_line && token->text == "function") own = blocks.functions();
    if (own != 0 && blocks.functions() == own && token->text == "return") lines.push_back(token->line);
  }
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

const char *parameters_of_stage(std::string_view file) {
  if (file == "preprocess.lua") return "(input, params)";
  return file == "postprocess.lua" ? "(output, params, context)" : "(model, x, params, context)";
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
