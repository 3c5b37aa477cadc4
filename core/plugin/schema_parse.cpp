// The parser of schemas: recursive descent over one line of text.
#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "plugin/schema.h"

namespace mrun {
namespace {

// Schemas are a plugin's: one that is mistaken must end in an error, and neither in an endless text nor in a full stack.
constexpr size_t longest_schema = 64 * 1024;
constexpr size_t most_parameters = 128;
constexpr int deepest_type = 8;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct BaseName {
  std::string_view name;
  Base base;
};
constexpr BaseName base_names[] = {{"Tensor", Base::tensor},
                                   {"int", Base::integer},
                                   {"float", Base::number},
                                   {"bool", Base::boolean},
                                   {"str", Base::string},
                                   {"Scalar", Base::scalar},
                                   {"Any", Base::any},
                                   {"Callable", Base::callable},
                                   {"Device", Base::device},
                                   {"Generator", Base::generator},
                                   {"ScalarType", Base::scalar_type}};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Schema schema() {
    if (text_.size() > longest_schema) error("a schema is at most 65536 bytes");
    Schema s;
    s.name = dotted_name();
    if (accept(':')) s.overload = identifier("the overload's name");
    if (accept('@')) s.version = static_cast<int32_t>(integer(1, 1000000));
    expect('(');
    parameters(s);
    skip_spaces();
    if (text_.substr(at_, 2) != "->") error("want \"->\" and the results' types");
    at_ += 2;
    results(s);
    skip_spaces();
    if (at_ != text_.size()) error("want the end");
    return s;
  }

 private:
  [[noreturn]] void error(const std::string &what) const {
    fail(MRUN_USAGE, "schema \"{}\": at character {}: {}", printable(text_, 200), at_ + 1, what);
  }

  // ---- characters

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_spaces() {
    while (peek() == ' ') ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) error(fmt::format("want '{}'", c));
  }
  std::string identifier(const char *what) {
    skip_spaces();
    const size_t from = at_;
    if (!is_letter(peek())) error(fmt::format("want {}", what));
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  std::string dotted_name() {
    std::string name = identifier("a name");
    while (peek() == '.') {
      ++at_;
      name += '.' + identifier("a name after the dot");
    }
    return name;
  }
  int64_t integer(int64_t least, int64_t most) {
    skip_spaces();
    int64_t value = 0;
    const char *first = text_.data() + at_, *last = text_.data() + text_.size();
    const auto [end, code] = std::from_chars(first, last, value);
    if (code != std::errc() || value < least || value > most) {
      error(fmt::format("want an integer from {} to {}", least, most));
    }
    at_ += static_cast<size_t>(end - first);
    return value;
  }

  // ---- types

  Type type(int depth = 0) {
    if (depth > deepest_type) error("types are nested too deep");
    Type t;
    const size_t from = (skip_spaces(), at_);
    const std::string name = dotted_name();
    if (name == "Dict") {
      t.base = Base::dict;
      expect('(');
      if (identifier("str") != "str") error("a Dict's keys are str: Dict(str, T)");
      expect(',');
      t.element = std::make_shared<Type>(type(depth + 1));
      expect(')');
    } else if (name.find('.') != std::string::npos) {
      t.base = Base::object;
      t.object = name;
    } else {
      named(t, name, from);
    }
    if (peek() == '(') alias(t);
    suffixes(t);
    return t;
  }
  void named(Type &t, const std::string &name, size_t from) {
    for (const BaseName &b : base_names) {
      if (b.name == name) {
        t.base = b.base;
        return;
      }
    }
    at_ = from;
    error(
        fmt::format("unknown type {} (Tensor int float bool str Scalar Any Callable Device ScalarType Generator, "
                    "Dict(str, T), or PLUGIN.TYPE)",
                    name));
  }
  void alias(Type &t) {
    if (t.base != Base::tensor) error("only a Tensor has an alias mark");
    expect('(');
    if (!is_letter(peek())) error("want an alias mark, one letter");
    t.alias = text_[at_++];
    t.written = accept('!');
    skip_spaces();
    if (text_.substr(at_, 2) == "->") {  // "(a -> *)": what a list's views alias
      at_ += 2;
      expect('*');
    }
    expect(')');
  }
  void suffixes(Type &t) {
    bool question = take('?');
    if (take('[')) {
      t.list = true;
      t.element_optional = question;
      if (is_digit(peek())) t.fixed = static_cast<int32_t>(integer(1, 1000));
      expect(']');
      question = take('?');
      if (peek() == '[') error("a list of lists is written Any");
    }
    t.optional = question;
    if (peek() == '?') error("one '?' is enough");
  }
  bool take(char c) {  // without spaces before it
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // ---- parameters and results

  void parameters(Schema &s) {
    bool keyword_only = false;
    if (accept(')')) return;
    do {
      if (accept('*')) {
        if (keyword_only) error("one '*' is enough");
        keyword_only = true;
        continue;
      }
      s.parameters.push_back(parameter(s, keyword_only));
      if (s.parameters.size() > most_parameters) error(fmt::format("more than {} parameters", most_parameters));
    } while (accept(','));
    expect(')');
  }
  Parameter parameter(const Schema &s, bool keyword_only) {
    Parameter p;
    p.keyword_only = keyword_only;
    p.type = type();
    p.name = own_name(s, "the parameter's name");
    while (accept('|')) p.aliases.push_back(own_name(s, "the parameter's other name"));
    if (accept('=')) {
      p.has_default = true;
      p.type.may_be_empty = p.type.list && text_.substr((skip_spaces(), at_), 2) == "[]";
      p.default_value = default_of(p.type);
    }
    return p;
  }
  // One that no parameter before has.
  std::string own_name(const Schema &s, const char *what) {
    std::string name = identifier(what);
    for (const Parameter &other : s.parameters) {
      if (other.is_called(name)) error(fmt::format("two parameters are called {}", printable(name, 60)));
    }
    return name;
  }
  void results(Schema &s) {
    skip_spaces();
    if (peek() != '(') {
      result(s);
      return;
    }
    expect('(');
    if (accept(')')) return;
    do {
      result(s);
      if (s.results.size() > most_parameters) error(fmt::format("more than {} results", most_parameters));
    } while (accept(','));
    expect(')');
  }
  void result(Schema &s) {
    Type t = type();
    if (t.base == Base::callable || t.base == Base::generator) error("a result cannot be of this type");
    skip_spaces();
    std::string name = is_letter(peek()) ? identifier("the result's name") : "";
    if (!name.empty() && std::find(s.result_names.begin(), s.result_names.end(), name) != s.result_names.end()) {
      error(fmt::format("two results are called {}", printable(name, 60)));
    }
    s.results.push_back(std::move(t));
    s.result_names.push_back(std::move(name));
  }

  // ---- defaults

  // What a script would give; Arguments makes it what the type says.
  Value default_of(const Type &t) {
    const size_t from = (skip_spaces(), at_);
    const std::vector<Value> given{literal(t, 0)};
    if (given[0].is_nil() ? t.optional || t.base == Base::any : matches(t, given[0].c())) {
      Schema one;
      one.parameters.push_back({"default", t, true, false, {}, {}});
      return Value::copy(Arguments(one, {&given[0].c(), 1}, mrun_value{}).values()[0]);
    }
    at_ = from;
    error(fmt::format("this default is no {}", t.text()));
  }
  Value literal(const Type &t, int depth) {
    skip_spaces();
    const char c = peek();
    if (c == '\'' || c == '"') return Value::string(quoted());
    if (is_digit(c) || c == '-' || c == '+' || c == '.') return number();
    if (c == '[') return list(t, depth);
    if (c == '{') {
      expect('{');
      expect('}');
      return Value::map({});
    }
    const std::string name = identifier("a default");
    if (name == "None") return {};
    if (name == "True") return Value::boolean(true);
    if (name == "False") return Value::boolean(false);
    if (name == "inf") return Value::number(std::numeric_limits<double>::infinity());
    if (name == "nan") return Value::number(std::numeric_limits<double>::quiet_NaN());
    if (t.base == Base::scalar_type || t.base == Base::device) return Value::string(name);
    error(fmt::format("want a default, got {}", printable(name, 60)));
  }
  std::string quoted() {
    const char quote = text_[at_++];
    std::string out;
    while (peek() != quote) {
      if (at_ >= text_.size()) error("the string does not end");
      char c = text_[at_++];
      if (c == '\\') {
        c = peek();
        if (c != 'n' && c != '\\' && c != '\'' && c != '"') error("want \\n, \\\\, \\' or \\\" after a backslash");
        ++at_;
        if (c == 'n') c = '\n';
      }
      out += c;
    }
    ++at_;
    return out;
  }
  Value number() {
    if (peek() == '+') ++at_;
    const char *first = text_.data() + at_, *last = text_.data() + text_.size();
    double value = 0;
    const auto [end, code] = std::from_chars(first, last, value);  // "-inf" too
    if (code != std::errc()) error("want a number");
    const std::string_view digits(first, static_cast<size_t>(end - first));
    if (digits.find_first_not_of("-0123456789") == std::string_view::npos) {
      return Value::integer(integer(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
    }
    at_ += digits.size();
    return Value::number(value);
  }
  Value list(const Type &t, int depth) {
    if (depth > 0) error("a list of lists is no default");
    expect('[');
    std::vector<Value> items;
    if (accept(']')) return Value::list({});
    do { items.push_back(literal(t, depth + 1)); } while (accept(','));
    expect(']');
    return Value::list(std::move(items));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Schema parse_schema(std::string_view text) { return Parser(text).schema(); }

}  // namespace mrun
