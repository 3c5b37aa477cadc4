// A script's tokens, and what stands where among them.
#pragma once
#include <initializer_list>
#include <string_view>

#include "script/vm/lexer.h"

namespace mrun {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words);
bool is_keyword(std::string_view word);

// Places are indices of tokens; a place at or behind the end has the empty word. The text outlives it.
class Words {
 public:
  explicit Words(std::string_view text) : tokens_(tokens_of(text)) {}

 protected:
  size_t size() const { return tokens_.size(); }
  std::string_view word(size_t at) const {
    ++looks_;
    return at < tokens_.size() ? tokens_[at].text : "";
  }
  bool is_word(size_t at, std::string_view text) const { return word(at) == text && !is_kind(at, Token::string); }
  bool is_kind(size_t at, Token::Kind kind) const { return at < tokens_.size() && tokens_[at].kind == kind; }
  bool is_name(size_t at) const { return is_kind(at, Token::name) && !is_keyword(word(at)); }
  // A name that is no field's or method's.
  bool is_variable(size_t at) const;
  bool assigned(size_t at) const { return is_word(at + 1, "=") && !is_word(at + 2, "="); }
  // Behind the parenthesis that opens at `at`; the end where it never closes.
  size_t behind_parentheses(size_t at) const;
  // The parenthesis that the one at `at` closes; the begin where none does.
  size_t opening(size_t at) const;
  // A call of a tensor's method or of a function of torch, by its name.
  bool calls_torch(size_t at, std::initializer_list<std::string_view> names) const;
  bool gives_mask(size_t at) const;    // x:gt(1), torch.isnan(x)
  bool gives_number(size_t at) const;  // x:argmax(), x:sum(): a number is often meant where a tensor comes

  // How often a token was looked at: what bounds the time that a text of many takes.
  size_t looks() const { return looks_; }
  void count_looks(size_t more) const { looks_ += more; }

  const Tokens tokens_;

 private:
  mutable size_t looks_ = 0;
};

}  // namespace mrun
