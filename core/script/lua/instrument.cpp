#include "script/lua/instrument.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "script/lua/words.h"

namespace mrun {
namespace {

constexpr size_t nowhere = std::string_view::npos;
constexpr size_t most_text = 256 << 10;  // bytes
constexpr int most_steps = 64;           // of one expression: hostile texts are read in linear time, too
constexpr size_t most_tokens = 1000;     // likewise

// What a variable may hold, by all places of the text that give it a value.
class Variables : protected Words {
 public:
  explicit Variables(std::string_view text) : Words(text), partners_(size(), nowhere) {
    balanced_ = find_partners();
    for (size_t i = 0; balanced_ && i < size(); ++i) {
      if (is_word(i, "function")) add_parameters(i + 1);
      if (is_word(i, "for")) add_iterated(i + 1);
      if (i > 0 && assigned(i - 1) && !is_one_of(word(i - 1), {"=", "~", "<", ">"})) add_assigned(i);
    }
  }

 protected:
  bool balanced() const { return balanced_; }
  size_t partner(size_t at) const { return partners_[at]; }
  // May be a tensor, from a call or as a parameter.
  bool may_be_tensor(size_t at) const { return is_variable(at) && tensors_.contains(word(at)); }
  // Has come from a call.
  bool is_result(size_t at) const { return is_variable(at) && results_.contains(word(at)); }
  // Is a comparison's mask, and nothing else.
  bool is_mask(size_t at) const {
    if (!is_variable(at) || !masks_.contains(word(at))) return false;
    const auto places = places_.find(word(at));
    return places != places_.end() && places->second == 1;
  }

  // What may stand before a call's parenthesis or an index's bracket.
  bool is_prefix(size_t at) const {
    if (is_kind(at, Token::string) || is_name(at)) return true;
    return (is_word(at, ")") && !parameter_ends_.contains(at)) || is_word(at, "]") || is_word(at, "}");
  }

  // Whether these tokens call or index something, or name what may be a tensor. Many may.
  bool may_give_tensor(size_t from, size_t to) const {
    if (to - from > most_tokens) return true;
    for (size_t i = from; i < to; ++i) {
      const bool suffix = i > from && is_prefix(i - 1) && (is_word(i, "(") || is_word(i, "["));
      if (suffix || (may_be_tensor(i) && !is_word(i - 1, "#") && !is_word(i + 1, "."))) return true;
    }
    return false;
  }

 private:
  bool find_partners() {
    std::vector<size_t> open;
    for (size_t i = 0; i < size(); ++i) {
      if (is_word(i, "(") || is_word(i, "[") || is_word(i, "{")) open.push_back(i);
      if (!is_word(i, ")") && !is_word(i, "]") && !is_word(i, "}")) continue;
      if (open.empty()) return false;
      partners_[i] = open.back();
      partners_[open.back()] = i;
      open.pop_back();
    }
    return open.empty();
  }

  void add(std::set<std::string_view> &names, size_t at) {
    names.insert(word(at));
    ++places_[word(at)];
  }

  void add_parameters(size_t at) {
    while (is_name(at) || is_word(at, ".") || is_word(at, ":")) ++at;
    if (is_word(at, "(")) parameter_ends_.insert(partner(at));
    for (++at; is_name(at); at += 2) add(tensors_, at);
  }

  // A numeric loop's variable is a number, what pairs and ipairs give first is a key.
  void add_iterated(size_t at) {
    size_t in = at;
    while (is_name(in) || is_word(in, ",")) ++in;
    const bool generic = is_word(in, "in");
    const bool key = !generic || is_one_of(word(in + 1), {"pairs", "ipairs"});
    for (size_t i = at; i < in; i += 2) {
      if (i > at || !key) {
        add(tensors_, i);
        results_.insert(word(i));
      } else {
        ++places_[word(i)];
      }
    }
  }

  // The expressions behind the `=` at `at`, and the names before it.
  void add_assigned(size_t at) {
    const size_t end = end_of_expressions(at + 1);
    const bool result = may_give_tensor(at + 1, end);
    const bool single = at >= 2 && is_word(at - 2, "local");
    if (single && gives_mask_alone(at + 1, end)) masks_.insert(word(at - 1));
    for (size_t i = at - 1; is_variable(i); i -= 2) {
      ++places_[word(i)];
      if (result) {
        tensors_.insert(word(i));
        results_.insert(word(i));
      }
      if (i < 2 || !is_word(i - 1, ",")) return;
    }
  }

  // The expression is a comparison's call, without `and`, `or` and `not`.
  bool gives_mask_alone(size_t from, size_t end) const {
    if (end - from > most_tokens) return false;
    for (size_t i = from; i < end; ++i) {
      if (is_one_of(word(i), {"and", "or", "not"})) return false;
    }
    return end > from && is_word(end - 1, ")") && partner(end - 1) > 0 && gives_mask(partner(end - 1) - 1);
  }

  // Where two operands stand beside each other a new statement has begun.
  size_t end_of_expressions(size_t at) const {
    const size_t from = at;
    for (int steps = 0; at < size() && steps < most_steps; ++steps) {
      const bool keyword = is_kind(at, Token::name) && is_keyword(word(at));
      if (keyword && !is_one_of(word(at), {"and", "or", "not", "nil", "true", "false"})) return at;
      if (is_word(at, ";") || is_word(at, ")") || is_word(at, "]") || is_word(at, "}")) return at;
      const bool operand = is_name(at) || is_kind(at, Token::number);
      if (operand && at > from && (is_prefix(at - 1) || is_kind(at - 1, Token::number))) return at;
      at = is_word(at, "(") || is_word(at, "[") || is_word(at, "{") ? partner(at) + 1 : at + 1;
    }
    return at;
  }

  std::vector<size_t> partners_;
  bool balanced_ = false;
  std::set<size_t> parameter_ends_;  // function f(a) (b or c)(): no call of what stands before
  std::set<std::string_view> tensors_, results_, masks_;
  std::map<std::string_view, int> places_;
};

class Instrument : Variables {
 public:
  explicit Instrument(std::string_view text) : Variables(text), text_(text) {}

  std::string apply() {
    if (!balanced()) return std::string(text_);
    for (size_t i = 0; i < size(); ++i) {
      if (is_word(i, "[") && i > 0 && is_prefix(i - 1)) index(i);
      if (is_word(i, ")") || is_word(i, "]") || is_variable(i)) condition(i);
      if (is_word(i + 1, "=") && is_one_of(word(i), {"=", "~"})) comparison(i);
    }
    return changed();
  }

 private:
  struct Change {
    size_t offset;
    enum { close, open, replace } kind;  // in this order where they meet
    size_t end;                          // of what is opened: the outer one opens first
    size_t removed;
    std::string text;
  };

  size_t offset(size_t at) const { return static_cast<size_t>(word(at).data() - text_.data()); }
  size_t offset_behind(size_t at) const { return offset(at) + word(at).size(); }

  // `call` and the tokens first … last and a parenthesis.
  void wrap(size_t first, size_t last, std::string_view call) {
    changes_.push_back({offset(first), Change::open, offset_behind(last), 0, std::string(call)});
    changes_.push_back({offset_behind(last), Change::close, 0, 0, ")"});
  }

  // The first token of the prefix expression (a variable, its fields, calls and indices) that ends at `at`.
  size_t begin_of(size_t at) const {
    for (int steps = 0; steps < most_steps; ++steps) {
      if (is_name(at) && !is_variable(at)) {
        if (at < 2) return nowhere;
        at -= 2;  // a field or method: what it is of
        continue;
      }
      if (is_name(at)) return at;
      const bool bracket = is_word(at, ")") || is_word(at, "]") || is_word(at, "}");
      if (!bracket && !is_kind(at, Token::string)) return nowhere;
      const size_t open = bracket ? partner(at) : at;
      const bool suffix = open > 0 && is_prefix(open - 1);
      if (!suffix) return is_word(at, ")") ? open : nowhere;
      at = open - 1;
    }
    return nowhere;
  }

  // The last token of the prefix expression that begins with the variable at `at`.
  size_t end_of(size_t at) const {
    for (int steps = 0; steps < most_steps; ++steps) {
      if ((is_word(at + 1, ".") || is_word(at + 1, ":")) && is_name(at + 2)) {
        at += 2;
      } else if (is_word(at + 1, "(") || is_word(at + 1, "[") || is_word(at + 1, "{")) {
        at = partner(at + 1);
      } else {
        return is_kind(at + 1, Token::string) ? nowhere : at;
      }
    }
    return nowhere;
  }

  // ---- keys

  // x[key], of which `at` is the bracket, where it is read.
  void index(size_t at) {
    const size_t close = partner(at), begin = begin_of(at - 1);
    if (begin == nowhere || !may_give_tensor(at + 1, close) || is_target(close)) return;
    if (begin == at - 1 && is_variable(begin)) {
      wrap_key(at, close, std::string(word(begin)));
    } else {
      replace_index(begin, at, close);
    }
  }

  // labels[key(labels, …)]: looking at a variable once more changes nothing, and its errors keep its name.
  void wrap_key(size_t at, size_t close, const std::string &variable) {
    changes_.push_back({offset(at) + 1, Change::open, offset(close), 0, "\xffkey(" + variable + ","});
    changes_.push_back({offset(close), Change::close, 0, 0, ")"});
  }

  // at(f(x), key, "how errors call f(x)"). Behind `return` in parentheses: a tail call would have no line.
  void replace_index(size_t begin, size_t at, size_t close) {
    const bool tail = begin > 0 && is_word(begin - 1, "return");
    const std::string_view field = field_before(at);
    const std::string name = field.empty() ? "" : "field '" + std::string(field) + "' ";
    // It ends before what wraps the whole of it: condition(at(…)).
    changes_.push_back({offset(begin), Change::open, offset(close), 0,
                        tail ? "(\xff"
                               "at("
                             : "\xff"
                               "at("});
    changes_.push_back({offset(at), Change::replace, 0, 1, ","});
    changes_.push_back({offset(close), Change::replace, 0, 1, ",\"" + name + (tail ? "\"))" : "\")")});
  }

  // The x of a.x[key] and a["x"][key].
  std::string_view field_before(size_t at) const {
    if (is_name(at - 1)) return word(at - 1);
    const bool text = at > 2 && is_word(at - 1, "]") && is_kind(at - 2, Token::string) && is_word(at - 3, "[");
    return text && std::ranges::all_of(word(at - 2), is_letter) ? word(at - 2) : "";
  }

  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

  // Whether x[key], which closes there, is given a value, alone or in a list.
  bool is_target(size_t close) const {
    size_t at = close;
    for (int steps = 0; steps < most_steps; ++steps) {
      if (assigned(at)) return true;
      if (!is_word(at + 1, ",") || !(is_variable(at + 2) || is_word(at + 2, "("))) return false;
      at = end_of(is_word(at + 2, "(") ? partner(at + 2) : at + 2);
      if (at == nowhere) return true;
    }
    return true;
  }

  // ---- conditions

  // The operand that ends at `at`.
  void condition(size_t at) {
    const bool call = is_word(at, ")"), mask = is_mask(at);
    if (!call && !is_word(at, "]") && !is_result(at) && !mask) return;
    if (goes_on(at + 1)) return;
    const size_t begin = begin_of(at);
    if (begin == nowhere || (call && begin == partner(at))) return;
    const bool sure = mask || (call && gives_mask(partner(at) - 1));
    if (is_condition(begin, at, sure))
      wrap(begin, at,
           sure ? "\xff"
                  "condition(true,"
                : "\xff"
                  "condition(false,");
  }

  // The prefix expression is longer, or a part of a text.
  bool goes_on(size_t at) const {
    return is_kind(at, Token::string) || is_word(at, ".") || is_word(at, ":") || is_word(at, "(") || is_word(at, "[") ||
           is_word(at, "{");
  }

  bool is_condition(size_t first, size_t last, bool sure) const {
    while (first > 0 && is_word(first - 1, "(") && is_word(last + 1, ")") && !(first > 1 && is_prefix(first - 2))) {
      --first;
      ++last;
    }
    if (first == 0) return false;
    if (is_word(first - 1, "not")) return !is_word(last + 1, "^");
    if (is_operator(first - 1)) return false;
    if (is_word(last + 1, "or") && (!sure || is_word(first - 1, "and"))) return is_tested(first);
    if (is_word(last + 1, "then") || is_word(last + 1, "and") || is_word(last + 1, "or")) return true;
    if (is_word(last + 1, "do")) {
      return is_word(first - 1, "while") || is_word(first - 1, "and") || is_word(first - 1, "or");
    }
    if (is_word(first - 1, "until")) return !is_operator(last + 1);
    const bool asserted =
        first > 1 && is_word(first - 1, "(") && is_word(first - 2, "assert") && is_variable(first - 2);
    return asserted && sure && (is_word(last + 1, ")") || is_word(last + 1, ","));
  }

  // Whether all that it is an operand of is a condition. Else `c and x:gt(1) or x:lt(1)` and `f() or x` choose a value.
  bool is_tested(size_t at) const {
    for (int steps = 0; at > 0 && steps < most_steps; ++steps) {
      --at;
      if (is_word(at, "if") || is_word(at, "elseif") || is_word(at, "while") || is_word(at, "until")) return true;
      const bool keyword = is_kind(at, Token::name) && is_keyword(word(at));
      if (keyword && !is_one_of(word(at), {"and", "or", "not", "nil", "true", "false"})) return false;
      if (is_word(at, "(") && at > 0 && !is_prefix(at - 1)) continue;
      if (is_word(at, "(") || is_word(at, "[") || is_word(at, "{") || is_word(at, ",") || is_word(at, ";"))
        return false;
      if (is_word(at, "=") && !is_operator(at)) return false;
      if (is_word(at, ")") || is_word(at, "]") || is_word(at, "}")) at = partner(at);
    }
    return false;
  }

  // Of two operands, or a length's: what stands beside it is no value by itself.
  bool is_operator(size_t at) const {
    if (is_word(at, "=")) return is_one_of(word(at - 1), {"=", "~", "<", ">"}) || is_word(at + 1, "=");
    return is_kind(at, Token::other) && is_one_of(word(at), {"+", "-", "*", "/", "%", "^", "<", ">", "~", "#", "."});
  }

  // ---- equality

  // The operator `==` or `~=` at `at`.
  void comparison(size_t at) {
    if (at < 1 || is_operator(at - 1) || is_compared_before(at - 1)) return;
    const size_t right = at + 2;
    if (is_constant(is_word(right, "-") ? right + 1 : right)) return compare(at - 1, false);
    if (is_constant(at - 1)) {
      const bool parentheses = is_word(right, "(");
      const size_t end = parentheses || is_variable(right) ? end_of(parentheses ? partner(right) : right) : nowhere;
      if (end != nowhere) compare(end, false);
      return;
    }
    compare(at - 1, true);
  }

  // a == f() == false: f()'s result is not what is equal to false.
  bool is_compared_before(size_t at) const {
    const size_t begin = begin_of(at);
    return begin != nowhere && begin > 0 && is_word(begin - 1, "=") && is_operator(begin - 1);
  }

  bool is_constant(size_t at) const {
    return is_kind(at, Token::number) || is_word(at, "true") || is_word(at, "false");
  }

  // The operand that ends at `at`; sure: only one of whose call a number is meant.
  void compare(size_t at, bool sure) {
    const bool call = is_word(at, ")");
    if (!call && !is_word(at, "]") && !may_be_tensor(at)) return;
    const size_t begin = begin_of(at);
    if (begin == nowhere || (begin > 0 && is_word(begin - 1, "#"))) return;
    if (call && begin == partner(at)) {  // (x:gt(1)) == true
      if (sure || (begin > 0 && is_word(begin - 1, "not")) || !may_give_tensor(begin + 1, at)) return;
    } else if (sure && !(call && gives_number(partner(at) - 1))) {
      return;
    }
    wrap(begin, at,
         "\xff"
         "compared(");
  }

  std::string changed() {
    std::stable_sort(changes_.begin(), changes_.end(), [](const Change &a, const Change &b) {
      if (a.offset != b.offset) return a.offset < b.offset;
      return a.kind != b.kind ? a.kind < b.kind : a.end > b.end;
    });
    std::string text;
    size_t at = 0;
    for (const Change &change : changes_) {
      text.append(text_, at, change.offset - at).append(change.text);
      at = change.offset + change.removed;
    }
    return text.append(text_, at);
  }

  std::string_view text_;
  std::vector<Change> changes_;
};

}  // namespace

std::string instrument(std::string_view text) {
  return text.size() > most_text ? std::string(text) : Instrument(text).apply();
}

}  // namespace mrun
