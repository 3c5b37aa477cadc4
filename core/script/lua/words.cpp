#include "script/lua/words.h"

#include <algorithm>

namespace mrun {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_keyword(std::string_view word) {
  return is_one_of(word,
                   {"and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
                    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"});
}

bool Words::is_variable(size_t at) const {
  if (!is_name(at)) return false;
  if (at > 0 && is_word(at - 1, ":")) return false;
  return at == 0 || !is_word(at - 1, ".") || (at > 1 && is_word(at - 2, "."));  // a..b
}

size_t Words::behind_parentheses(size_t at) const {
  for (int depth = 0; at < size(); ++at) {
    if (is_word(at, "(")) ++depth;
    if (is_word(at, ")") && --depth == 0) return at + 1;
  }
  return at;
}

size_t Words::opening(size_t at) const {
  for (int depth = 0; at > 0; --at) {
    if (is_word(at, ")")) ++depth;
    if (is_word(at, "(") && --depth == 0) return at;
  }
  return 0;
}

bool Words::calls_torch(size_t at, std::initializer_list<std::string_view> names) const {
  if (at < 2 || !is_word(at + 1, "(") || !is_one_of(word(at), names)) return false;
  return is_word(at - 1, ":") || (is_word(at - 1, ".") && is_word(at - 2, "torch"));
}

bool Words::gives_mask(size_t at) const {
  return calls_torch(at, {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "logical_and", "logical_or",
                          "logical_not"});
}

bool Words::gives_number(size_t at) const {
  return calls_torch(at, {"argmax", "argmin", "sum", "mean", "prod", "amax", "amin", "count_nonzero"});
}

}  // namespace mrun
