// Steps through a pattern, and reads the escapes that stand for a character or a set of them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "classes.h"

namespace text {

[[noreturn]] void bad_pattern(const std::string &what);  // bad_argument

class PatternReader {
 public:
  PatternReader(std::string_view pattern, Dialect dialect) : p_(pattern), dialect_(dialect) {}

  bool done() const { return at_ >= p_.size(); }
  size_t at() const { return at_; }
  Dialect dialect() const { return dialect_; }
  bool ruby() const { return dialect_ == Dialect::ruby; }
  char peek(size_t ahead = 0) const { return at_ + ahead < p_.size() ? p_[at_ + ahead] : '\0'; }
  bool sees(std::string_view s) const { return p_.substr(at_, s.size()) == s; }
  bool take(std::string_view s) {
    if (!sees(s)) return false;
    at_ += s.size();
    return true;
  }
  void skip(size_t bytes) { at_ += bytes; }
  char32_t next();                                                 // one character
  std::string_view until(std::string_view end, const char *what);  // what stands before `end`, which is passed
  std::string_view ahead(size_t bytes) const { return p_.substr(at_, bytes); }
  std::string_view rest() const { return p_.substr(at_); }

  // Where the name of PCRE2's [:name:] ends; npos where none stands here. [.a.] and [=a=] look the same.
  size_t posix_end() const;

  // An escape, from its backslash on, that means a character or a set: passed, and what it means. Nothing, and not
  // passed, where it means something else. `groups`: how many the pattern has opened, for \10.
  using Meaning = std::variant<char32_t, unicode::CodeSet>;
  std::optional<Meaning> escape(bool in_class, int groups = 0);

 private:
  std::optional<Meaning> letter_escape(char letter, bool in_class);
  Meaning property(bool negated);
  char32_t hex(size_t most);
  char32_t braced(int base);
  std::optional<char32_t> octal(bool in_class, int groups);
  std::string_view p_;
  Dialect dialect_;
  size_t at_ = 0;
};

// A class in brackets, from the first on, with its case folded away where `any_case`. `spaces`: PCRE2's (?xx).
unicode::CodeSet read_class(PatternReader &, bool any_case, bool spaces);
unicode::CodeSet read_pcre_class(PatternReader &, bool any_case, bool spaces);

}  // namespace text
