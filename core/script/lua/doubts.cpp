#include "script/lua/doubts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "script/lua/source.h"
#include "script/lua/words.h"
#include "script/vm/idioms.h"

namespace mrun {
namespace {

// What every file has (INTERFACE.md).
const std::vector<std::string> &globals() {
  static const std::vector<std::string> names{
      "assert", "bit",          "coroutine", "emit",     "error",  "getmetatable", "ipairs",  "math",   "next",
      "pairs",  "pcall",        "rawequal",  "rawget",   "rawset", "require",      "select",  "string", "table",
      "type",   "setmetatable", "tonumber",  "tostring", "unpack", "xpcall",       "_VERSION"};
  return names;
}

class Doubts : private Words {
 public:
  Doubts(const std::string &script, std::string_view text, const KnownNames &known)
      : Words(text), script_(script), params_(known.params), fields_(known.fields), text_(known.text) {}

  std::vector<std::string> all() {
    const bool stage = is_one_of(script_, {"preprocess.lua", "forward.lua", "postprocess.lua"});
    if (!may_compile()) return {};  // the error says more
    if (stage) find_names();
    find_modules();
    if (script_ == "preprocess.lua" && (text_ || !fields_.empty())) find_input();
    for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
      parameter(i);
      never_equal(i);
      always_true(i);
      python_format(i);
      python_pattern(i);
      python_replacement(i);
      two_results(i);
      no_result(i, stage);
      first_of_list(i);
      tensor_as_number(i);
      pattern_as_regex(i);
      constant(i);
      called_with_colon(i);
      encoding(i);
      if (stage) first_argument(i);
      if (stage) unknown(i);
      if (stage) no_answer(i);
      if (script_ == "preprocess.lua") second_as_context(i);
      if (!input_.empty() && text_) item_of_text(i);
      if (!input_.empty() && !text_) field(i);
    }
    return std::move(found_);
  }

 private:
  // Some doubts go from each token over many others, and a file may have a million: then what was found must do.
  static constexpr size_t most_looks = 20'000'000;

  // Operators that Lua does not have, or two names beside each other.
  bool may_compile() const {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind == Token::other && word(i)[0] < ' ') return false;  // bytecode
      if (tokens_[i].kind == Token::other && is_one_of(word(i), {"!", "?", "@", "&", "|", "$", "`", "\\"}))
        return false;
      if (is_word(i, "/") && is_word(i + 1, "/")) return false;
      const bool names = is_name(i) && is_name(i + 1) && tokens_[i].line == tokens_[i + 1].line;
      if (names && !is_one_of(word(i), {"goto"})) return false;
    }
    return true;
  }

  template <class... T>
  void tell(size_t at, fmt::format_string<T...> format, T &&...values) {
    found_.push_back(
        fmt::format("{}:{}: {}", script_, tokens_[at].line, fmt::format(format, std::forward<T>(values)...)));
  }

  // `list == {}`
  void never_equal(size_t at) {
    if (at < 1 || !is_word(at + 1, "=") || !is_one_of(word(at), {"=", "~"}) || is_word(at - 1, "=")) return;
    if (is_word(at + 2, "{"))
      tell(at, "a table is equal to nothing but itself: #list == 0 asks whether a list is empty");
  }

  // `if #list then`
  void always_true(size_t at) {
    if (at < 1 || !is_word(at, "#") || !is_one_of(word(at - 1), {"if", "elseif", "while", "not"})) return;
    size_t end = at + 1;
    while (is_name(end) || is_word(end, ".")) ++end;
    if (is_one_of(word(end), {"then", "do", "and", "or"})) tell(at, "a number is true, 0 too: a length wants > 0");
  }

  // ("{} is {}"):format(a, b), which gives the text as it is.
  void python_format(size_t at) {
    if (at < 1 || tokens_[at].kind != Token::string || word(at).find('%') != std::string_view::npos) return;
    const bool method = is_word(at + 1, ")") && is_word(at + 2, ":") && is_word(at + 3, "format");
    const bool call = at > 1 && is_word(at - 1, "(") && is_word(at - 2, "format");
    const size_t open = word(at).find('{');
    if ((!method && !call) || open == std::string_view::npos || word(at).find('}', open) == std::string_view::npos)
      return;
    tell(at, "format fills in what % marks, braces mean nothing: (\"%s is %.2f\"):format(a, b)");
  }

  // s:gsub("\\s+", " "): of a regular expression's classes a pattern of Lua's has none.
  void python_pattern(size_t at) {
    if (at < 2 || tokens_[at].kind != Token::string || !is_word(at - 1, "(") ||
        !is_one_of(word(at - 2), {"find", "match", "gmatch", "gsub"}) || at < 3 || !is_word(at - 3, ":")) {
      return;
    }
    for (size_t slash = word(at).find("\\\\"); slash != std::string_view::npos;
         slash = word(at).find("\\\\", slash + 2)) {
      const std::string_view letter = word(at).substr(slash + 2, 1);
      if (letter.empty() || std::string_view("sSdDwW").find(letter[0]) == std::string_view::npos) continue;
      tell(at, "a pattern of Lua's writes \\{0} as %{0}; module text has regular expressions: text.regex(pattern)",
           letter);
      return;
    }
  }

  // text.regex("%d+"): % is a plain character there.
  void pattern_as_regex(size_t at) {
    if (at < 2 || !is_word(at, "regex") || !is_word(at - 1, ".") || !modules_.contains(word(at - 2))) return;
    const size_t text = is_word(at + 1, "(") ? at + 2 : at + 1;
    const std::string_view pattern = is_kind(text, Token::string) ? word(text) : "";
    const size_t mark = std::min(pattern.find('%'), pattern.size());
    const std::string_view letter = pattern.substr(std::min(mark + 1, pattern.size()), 1);
    if (is_one_of(letter, {"d", "s", "w"}))
      tell(text, "a regular expression writes %{0} as \\\\{0}; a pattern of Lua's is for s:match(pattern)", letter);
  }

  // s:gsub("(%a+)", "\\1"): of a replacement's groups \1 and $1 are none.
  void python_replacement(size_t at) {
    const bool argument =
        is_kind(at, Token::string) && at > 2 && is_word(at - 1, ",") && (is_word(at + 1, ")") || is_word(at + 1, ","));
    if (!argument) return;
    const size_t open = is_kind(at - 2, Token::string) ? at - 3 : opening_of_name(at - 2);
    if (!is_word(open, "(") || open < 2 || !is_word(open - 1, "gsub")) return;
    const bool literal = is_kind(at - 2, Token::string);
    const bool groups = literal ? has_group(at - 2) : is_word(open - 2, ":") && is_regex_with_group(open - 3);
    const size_t mark = group_mark(word(at), groups);
    if (mark == std::string_view::npos) return;
    const char digit = word(at)[word(at).find_first_of("0123456789", mark)];
    tell(at, "a replacement of gsub's writes a group as %{0}: {1}{0} goes into the text as it is", digit,
         word(at)[mark] == '$' ? "$" : "\\");
  }

  bool has_group(size_t at) const { return is_kind(at, Token::string) && word(at).find('(') != std::string_view::npos; }

  // local re = text.regex "(a)", of which re:gsub(s, "$1") may be.
  bool is_regex_with_group(size_t name) const {
    for (size_t i = 0; i + 2 < size(); ++i) {
      if (!is_word(i, "regex")) continue;
      const bool call = is_word(i + 1, "(");
      if (has_group(call ? i + 2 : i + 1) && local_of(i, call ? behind_parentheses(i + 1) : i + 2) == word(name))
        return true;
    }
    return false;
  }

  // Of f(name, …) with the name at `at`: the parenthesis; else the begin.
  size_t opening_of_name(size_t at) const { return is_variable(at) ? at - 1 : 0; }

  // Where \\1 stands in a text as it is written, or $1 if a group can be meant.
  static size_t group_mark(std::string_view text, bool groups) {
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      const auto is_digit = [&](size_t at) { return at < text.size() && text[at] >= '1' && text[at] <= '9'; };
      if (text[i] == '\\' && text[i + 1] == '\\' && is_digit(i + 2)) return i;
      if (groups && text[i] == '$' && is_digit(i + 1)) return i;
    }
    return std::string_view::npos;
  }

  // tonumber(s:gsub(",", "")), whose second argument is how often it was replaced.
  void two_results(size_t at) {
    if (!is_word(at, "tonumber") || !is_word(at + 1, "(")) return;
    const size_t last = behind_parentheses(at + 1) - 2;
    if (last <= at + 1 || !is_word(last, ")")) return;
    const size_t call = opening(last);
    if (call > at + 1 && is_word(call - 1, "gsub")) {
      tell(at, "gsub gives how often it replaced, too, which tonumber takes for the base: tonumber((s:gsub(…)))");
    }
  }

  // `local sorted = table.sort(list)`, `ipairs(table.sort(list))`, and a stage that returns it.
  void no_result(size_t at, bool stage) {
    if (at < 1 || !is_word(at, "table") || !is_word(at + 1, ".") || !is_word(at + 3, "(")) return;
    if (!is_one_of(word(at + 2), {"sort", "insert"})) return;
    const bool given = is_word(at - 1, "=") && !is_one_of(word(at - 2), {"=", "~", "<", ">"});
    const bool passed = is_word(at - 1, "(") && is_one_of(word(at - 2), {"ipairs", "pairs", "unpack", "concat"});
    const bool answer = stage && is_word(at - 1, "return") && functions_around(at) == 1;
    const bool replaced = is_word(behind_parentheses(at + 3), "or");  // `table.sort(list) or list`, which is the list
    if ((given || passed || answer) && !replaced)
      tell(at, "table.{} changes the list and gives nothing: the list itself is what it made", word(at + 2));
  }

  // The local whose value is that of the call from `at` to `end`, as in `local t = x:sum(0):tolist()`, and not in
  // `local t = f(x:tolist())`: the only one in the file with its name, or none.
  std::string_view local_of(size_t at, size_t end) const {
    size_t depth = 0, first = at;
    for (; first > 1 && (depth > 0 || !is_word(first, "=")); --first) {
      if (tokens_[first].line != tokens_[at].line) return {};
      if (is_one_of(word(first), {")", "]", "}"})) ++depth;
      if (is_one_of(word(first), {"(", "[", "{"}) && depth-- == 0) return {};
      if (depth == 0 && is_one_of(word(first), {"#", "and", "or", "not"})) return {};
    }
    if (!is_word(first, "=") || !is_name(first - 1) || !is_word(first - 2, "local")) return {};
    if (is_one_of(word(end), {"and", "or", ".", ":"})) return {};
    size_t declared = 0;
    for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
      if (is_variable(i) && word(i) == word(first - 1) && declares(i)) ++declared;
    }
    return declared == 1 ? word(first - 1) : "";
  }

  // `t:tolist()[0]`, and a local of it: the list is the script's own, and could have an item 0.
  void first_of_list(size_t at) {
    if (at < 1 || !is_word(at, "tolist") || !is_word(at - 1, ":") || !is_word(at + 1, "(") || !is_word(at + 2, ")"))
      return;
    const auto zero = [&](size_t i) { return is_word(i, "[") && is_word(i + 1, "0") && is_word(i + 2, "]"); };
    constexpr std::string_view told = "a list counts from 1, a tensor's positions from 0: list[1] is the first";
    if (zero(at + 3)) tell(at, "{}", told);
    const std::string_view variable = local_of(at, at + 3);
    size_t read = 0;
    for (size_t i = at + 3; !variable.empty() && i < tokens_.size() && looks() < most_looks; ++i) {
      if (!is_variable(i) || word(i) != variable) continue;
      if (assigned(i) || (is_word(i + 1, "[") && assigned(behind_key(i + 1) - 1))) return;  // it may have an item 0
      if (read == 0 && zero(i + 1)) read = i;
    }
    if (read > 0) tell(read, "{}", told);
  }

  // `labels[tostring(x:argmax())]`: "tensor int64 []"; tonumber(x:max()): nil.
  void tensor_as_number(size_t at) {
    if (!is_one_of(word(at), {"tostring", "tonumber"}) || !is_variable(at) || !is_word(at + 1, "(")) return;
    const size_t last = behind_parentheses(at + 1) - 2;
    if (last <= at + 1 || !is_word(last, ")")) return;
    const size_t call = opening(last);
    const bool number = call > at + 1 && (gives_number(call - 1) || calls_torch(call - 1, {"max", "min"}));
    if (!number || defines(word(call - 1)) || is_of_library(call - 3)) return;
    if (is_word(at, "tonumber"))
      tell(at, "tonumber reads a text, and is nil of a tensor: x:{}(…):item() is its number", word(call - 1));
    else
      tell(at, "tostring says what a tensor is: tostring(x:{}(…):item()) writes its number", word(call - 1));
  }

  // A function of the script's own has this name: `function Stats:sum()`, `{sum = function() … end}`.
  bool defines(std::string_view name) const {
    for (size_t i = 1; i < tokens_.size() && looks() < most_looks; ++i) {
      if (!is_kind(i, Token::name) || word(i) != name) continue;
      if (is_word(i + 1, "=") && is_word(i + 2, "function")) return true;
      size_t first = i;
      while (first > 1 && (is_word(first - 1, ".") || is_word(first - 1, ":"))) first -= 2;
      if (is_word(first - 1, "function")) return true;
    }
    return false;
  }

  // `stats` of `local stats = require "lib.stats"`, `s` of `local s = stats.new()`.
  bool is_of_library(size_t at) const {
    if (!is_variable(at)) return false;
    const auto declared = [&](std::string_view name, auto &&holds) {
      for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
        if (is_variable(i) && word(i) == name && is_word(i + 1, "=") && holds(i + 2)) return true;
      }
      return false;
    };
    const auto required = [&](size_t i) {
      const size_t name = is_word(i + 1, "(") ? i + 2 : i + 1;
      return is_word(i, "require") && is_kind(name, Token::string) && word(name).find("lib.") < 2;
    };
    return declared(word(at), [&](size_t i) { return required(i) || (is_variable(i) && declared(word(i), required)); });
  }

  // `{filter = image.BICUBIC}`: the option would be nil, and its default count.
  void constant(size_t at) {
    if (!is_one_of(word(at), {"image", "text", "audio", "decode"}) || !modules_.contains(word(at))) return;
    if (!is_variable(at) || !is_word(at + 1, ".")) return;
    const std::string_view name = word(at + 2);
    const bool capitals = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isupper(c) || std::isdigit(c) || c == '_';
    });
    if (!capitals || is_word(at + 3, "(") || assigned(at + 2)) return;
    std::string option(name);
    std::transform(option.begin(), option.end(), option.begin(), [](unsigned char c) { return std::tolower(c); });
    tell(at, "{}.{} is nil: modules have no constants, an option is a text: \"{}\"", word(at), name, option);
  }

  // Names that stand for a module wherever the file has them.
  void find_modules() {
    modules_ = {"math", "string", "table"};
    std::map<std::string_view, int> others;
    for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
      if (!is_variable(i) || !declares(i)) continue;
      size_t end = i;
      while (is_word(end + 1, ",") && is_name(end + 2)) end += 2;
      if (is_word(end + 1, "=") && is_word(end + 2, "require")) modules_.insert(word(i));
      ++others[word(i)];
    }
    std::erase_if(modules_, [&](std::string_view name) {
      const bool builtin = is_one_of(name, {"math", "string", "table"});
      return others[name] != (builtin ? 0 : 1) || !is_one_of(name, {"math", "string", "table", "torch", "image", "text",
                                                                    "audio", "decode", "bundle", "json", "log"});
    });
  }

  // `torch:zeros(3)`, whose first argument is the module.
  void called_with_colon(size_t at) {
    if (!modules_.contains(word(at)) || !is_variable(at) || !is_word(at + 1, ":") || !is_word(at + 3, "(")) return;
    tell(at, "a module's function is called with a point: {}.{}(…)", word(at), word(at + 2));
  }

  // `tokenizer:tokenize(s).input_ids`, as elsewhere it is called.
  void encoding(size_t at) {
    if (at < 1 || !is_word(at - 1, ":") || !is_word(at, "tokenize") || !is_word(at + 1, "(")) return;
    if (!modules_.contains("text")) return;  // a tokenizer of the script's own
    const size_t end = behind_parentheses(at + 1);
    const bool options =
        std::any_of(tokens_.begin() + std::ptrdiff_t(at), tokens_.begin() + std::ptrdiff_t(std::min(end, size())),
                    [](const Token &t) { return t.text == ","; });
    const auto told = [&](size_t field) {
      const std::string_view name = word(field), own = name == "input_ids"        ? "ids"
                                                       : name == "token_type_ids" ? "types"
                                                       : name == "offset_mapping" ? "offsets"
                                                       : name == "tokens"         ? "pieces"
                                                                                  : "";
      if (assigned(field)) return;
      if (is_one_of(name, {"attention_mask", "special_tokens_mask", "word_ids", "sequence_ids"}) && !options)
        tell(field, "{0} is nil: it is asked for, tokenize(s, {{{0} = true}})", name);
      if (!own.empty())
        tell(field, "{} is nil: tokenize gives ids, types, offsets and pieces; it is {} here", name, own);
    };
    if (is_word(end, ".")) told(end + 1);
    const std::string_view variable = local_of(at, end);
    for (size_t i = end; !variable.empty() && i < tokens_.size() && looks() < most_looks; ++i) {
      if (is_variable(i) && word(i) == variable && is_word(i + 1, ".")) told(i + 2);
    }
  }

  // What a stage's function is given, and in which order.
  void first_argument(size_t at) {
    if (!is_word(at, "return") || !is_word(at + 1, "function") || !is_word(at + 2, "(") || !outside(at)) return;
    const bool forwards = script_ == "forward.lua";
    const size_t params = forwards ? at + 7 : at + 5;  // where a context that comes too early would stand
    if (is_word(params - 1, ",") && is_one_of(word(params), {"ctx", "context"}) && is_word(params + 1, ")")) {
      tell(at, "the function's arguments are {}: {} is the {} of these", parameters_of_stage(script_), word(params),
           forwards ? "third" : "second");
      return;
    }
    const bool pre = script_ == "preprocess.lua";
    if (is_one_of(word(at + 3), {"params", "ctx"}) || (!pre && is_word(at + 3, "context")) ||
        (!forwards && is_word(at + 3, "model"))) {
      tell(at, "the function's arguments are {}: the first is called {} here", parameters_of_stage(script_),
           word(at + 3));
      return;
    }
    const bool forward = forwards && is_one_of(word(at + 3), {"x", "input", "inputs"});
    if (!forward && !is_word(at + 3, "self")) return;
    tell(at, "the function's arguments are {}: {} is the first of these", parameters_of_stage(script_), word(at + 3));
  }

  // The name that "params.a.b" gives the parameter whose last part stands here, "a.b"; empty: none does.
  std::string parameter_at(size_t at) const {
    const bool key = tokens_[at].kind == Token::string && at >= 2 && is_word(at - 1, "[") && is_word(at + 1, "]");
    const size_t last = at;
    if (!key && (at < 2 || !is_name(at) || !is_word(at - 1, "."))) return {};
    for (at -= 2; !is_word(at, "params"); at -= 2) {
      if (at < 2 || !is_name(at) || !is_word(at - 1, ".")) return {};
    }
    const bool of_module = at >= 2 && is_word(at - 1, ".") && is_word(at - 2, "bundle") && modules_.contains("bundle");
    if (at >= 1 && is_one_of(word(at - 1), {".", ":"}) && !of_module) return {};
    std::string name(word(at + 2));
    for (at += 4; at <= last; at += 2) name.append(1, '.').append(word(at));
    return name;
  }

  bool is_parameter(const std::string &name) const {
    return std::find(params_.begin(), params_.end(), name) != params_.end();
  }

  // A parameter that there is not: it is nil, and cannot be given by --param.
  void parameter(size_t at) {
    const std::string name = parameter_at(at);
    if (name.empty()) return;
    count_looks(3 * params_.size());
    if (is_parameter(name)) return;
    const size_t parts = static_cast<size_t>(std::count(name.begin(), name.end(), '.'));
    if (parts > 0 && !is_table(name.substr(0, name.rfind('.')))) return;  // that is told of, or has fields of its own
    const std::string meant = did_you_mean(name, params_);
    const bool key = tokens_[at].kind == Token::string;
    const size_t first = at - 2 - 2 * parts;
    const std::string_view before = first >= 1 ? word(first - 1) : "", behind = word(at + (key ? 2 : 1));
    if (meant.empty() && (library_ || may_be_absent(before, behind))) return;
    tell(at, "params.{} is nil: bundle.toml has no such parameter{}", printable(name), meant);
  }

  // A parameter that has others in it.
  bool is_table(const std::string &name) const {
    return std::any_of(params_.begin(), params_.end(), [&](const std::string &p) { return p.starts_with(name + '.'); });
  }

  // ---- the fields of a record, and the items that a text lacks

  // What preprocess calls its input, where nothing else in the file has that name; and the fields that the script sets.
  void find_input() {
    for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
      if (is_word(i, "return") && is_word(i + 1, "function") && is_word(i + 2, "(") && outside(i)) input_ = word(i + 3);
    }
    size_t places = 0;
    for (size_t i = 0; !input_.empty() && i < tokens_.size() && looks() < most_looks; ++i) {
      if (!is_variable(i) || word(i) != input_) continue;
      if (!is_word(i + 1, ".") && !is_word(i + 1, ":") && !is_word(i + 1, "[")) places += declares(i) ? 1 : 0;
      if (is_word(i + 1, ".") && assigned(i + 2)) set_fields_.insert(word(i + 2));
    }
    if (places != 1) input_ = {};
  }

  // A name that is given a value: of a list of locals, a loop's or parameters, or an assignment's.
  bool declares(size_t at) const {
    size_t first = at;
    while (first > 1 && is_word(first - 1, ",") && is_name(first - 2)) first -= 2;
    if (assigned_in_list(at) || is_word(first - 1, "local") || is_word(first - 1, "for")) return true;
    if (!is_word(first - 1, "(")) return false;
    size_t name = first - 2;
    while (name > 0 && (is_name(name) || is_word(name, ".") || is_word(name, ":"))) --name;
    return is_word(name, "function");
  }

  // x.foto of a record that has a photo.
  void field(size_t at) {
    if (!is_variable(at) || word(at) != input_ || !is_word(at + 1, ".") || !is_name(at + 2)) return;
    const std::string name(word(at + 2));
    count_looks(3 * fields_.size());
    if (set_fields_.contains(word(at + 2)) || std::find(fields_.begin(), fields_.end(), name) != fields_.end()) return;
    const std::string meant = did_you_mean(name, fields_);
    if (meant.empty() && may_be_absent(at > 0 ? word(at - 1) : "", word(at + 3))) return;
    tell(at, "{}.{} is nil: the record in bundle.toml has no such field{}", input_, printable(name), meant);
  }

  // `input[1]` and `input.name` of a text: nil, or a function of module string.
  void item_of_text(size_t at) {
    if (!is_variable(at) || word(at) != input_) return;
    size_t end = at + 2;  // behind what can be a key, and no range of Python's
    while (is_name(end) || is_kind(end, Token::number) || is_one_of(word(end), {"+", "-", "#"})) ++end;
    if ((is_word(at + 1, "[") && is_word(end, "]")) ||
        (is_word(at + 1, ".") && is_name(at + 2) && !is_word(at + 3, "(")))
      tell(at, "the input is a text, which has no items: {0}:sub(1, 1) is its first byte, text.characters({0}) a list",
           input_);
  }

  // One that is asked for, or has a value that takes its place.
  static bool may_be_absent(std::string_view before, std::string_view behind) {
    return is_one_of(behind, {"or", "and", "then", "=", "~"}) || is_one_of(before, {"not", "type"});
  }

  // ---- names

  void find_names() {
    names_.insert(globals().begin(), globals().end());
    std::vector<std::string_view> open;
    for (size_t i = 0; i < tokens_.size() && looks() < most_looks; ++i) {
      block(i, open);
      if (is_word(i, "{")) open.push_back("{");
      if (is_word(i, "}") && !open.empty()) open.pop_back();
      const bool entry = !open.empty() && open.back() == "{";  // {a = 1, b = 2} sets nothing
      if (is_word(i, "local") || is_word(i, "for")) add_list(i + 1);
      if (is_word(i, "function")) add_function(i + 1);
      if (!entry && is_name(i) && !(i > 0 && is_one_of(word(i - 1), {".", ":"})) && assigned_in_list(i)) add(i);
    }
  }

  void add(size_t at) { names_.insert(std::string(word(at))); }

  void add_list(size_t at) {
    for (; is_name(at); at += 2) {
      add(at);
      if (!is_word(at + 1, ",")) return;
    }
  }

  void add_function(size_t at) {
    if (is_name(at)) add(at);
    for (; at < tokens_.size() && !is_word(at, "("); ++at) {
      if (is_word(at, ":")) names_.insert("self");  // a method's
    }
    add_list(at + 1);
  }

  // `a, b = …`, which makes globals of them.
  bool assigned_in_list(size_t at) const {
    while (is_word(at + 1, ",") && is_name(at + 2)) at += 2;
    return assigned(at);
  }

  void unknown(size_t at) {
    if (!is_name(at) || (at > 0 && is_one_of(word(at - 1), {":", "goto"})) || assigned(at)) return;
    if (at > 0 && is_word(at - 1, ".") && !(at > 1 && is_word(at - 2, "."))) return;
    const std::string name(word(at));
    if (names_.contains(name) || !told_.insert(name).second) return;
    const std::vector<std::string> known(names_.begin(), names_.end());
    count_looks(3 * known.size());
    const bool quotes = name.starts_with("\xe2\x80");  // typographic ones, which LuaJIT takes for letters
    std::string meant = quotes ? "; a text wants plain quotes: \"…\"" : idiom("", name);
    if (meant.empty()) meant = did_you_mean(name, known);
    tell(at, "{} is nil: nothing sets it{}", printable(name), meant);
  }

  // ---- the stage's function

  // `return function` at the top level, in which no return gives a value.
  void no_answer(size_t at) {
    if (!is_word(at, "return") || !is_word(at + 1, "function") || !outside(at)) return;
    std::vector<std::string_view> open;
    for (size_t i = at + 1; i < tokens_.size(); ++i) {
      block(i, open);
      if (open.empty()) break;
      if (is_word(i, "emit") || is_word(i, "error")) return;
      if (!is_word(i, "return") || is_word(i + 1, "end")) continue;
      count_looks(open.size());
      if (std::count(open.begin(), open.end(), "function") == 1) return;
    }
    if (!open.empty()) return;
    tell(at, "the function returns nothing, so {} is null",
         script_ == "postprocess.lua" ? "the answer"
         : script_ == "forward.lua"   ? "the output"
                                      : "x");
  }

  // `return x:max(1)` of preprocess: where the values are lies in the context then, and the model sees none of it.
  void second_as_context(size_t at) {
    if (!is_word(at, "return") || functions_around(at) != 1) return;
    size_t name = 0, end = at + 2;
    while (is_word(end, ".") || is_word(end, ":") || is_word(end, "(") || is_word(end, "[")) {
      const bool call = is_word(end, "("), key = is_word(end, "[");
      if (!call && !key) name = end + 1;
      if (key) name = 0;
      end = call ? behind_parentheses(end) : key ? behind_key(end) : end + 2;
    }
    const bool two = name > 0 && calls_torch(name, {"max", "min", "sort", "topk", "median", "mode", "kthvalue"}) &&
                     !is_word(name + 2, ")") && behind_parentheses(name + 1) == end;
    if (!two || !is_word(end, "end")) return;
    tell(at,
         "{0} gives two tensors, the values and where they are, and a second result is the context: (…:{0}(…)) "
         "keeps the values",
         word(name));
  }

  size_t behind_key(size_t at) const {
    while (at < tokens_.size() && !is_word(at, "]")) ++at;
    return at + 1;
  }

  std::ptrdiff_t functions_around(size_t at) const {
    std::vector<std::string_view> open;
    for (size_t i = 0; i < at; ++i) block(i, open);
    return std::count(open.begin(), open.end(), "function");
  }

  // At the top level of the file.
  bool outside(size_t at) const {
    std::vector<std::string_view> open;
    for (size_t i = 0; i < at; ++i) block(i, open);
    return open.empty();
  }

  void block(size_t at, std::vector<std::string_view> &open) const {
    const std::string_view text = word(at);
    if (tokens_[at].kind != Token::name) return;
    if (is_one_of(text, {"function", "do", "if", "repeat"})) open.push_back(text);
    if (is_one_of(text, {"end", "until"}) && !open.empty()) open.pop_back();
  }

  const std::string &script_;
  const bool library_ = script_.starts_with("lib/");  // where params may be anything's
  const std::vector<std::string> &params_, &fields_;
  const bool text_;         // the input is one
  std::string_view input_;  // of preprocess, where it is a record or a text
  std::set<std::string_view> set_fields_;
  std::set<std::string_view> modules_;
  std::set<std::string> names_, told_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> doubts(const std::string &script, std::string_view text, const KnownNames &known) {
  return Doubts(script, text, known).all();
}

}  // namespace mrun
