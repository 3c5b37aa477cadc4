#include "script/vm/syntax.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "script/vm/lexer.h"

namespace mrun {
namespace {

// The line's tokens with a blank before each, strings as "": what stands in comments and strings means nothing.
std::string code_of(std::string_view line) {
  std::string code;
  for (const Token &t : tokens_of(line)) {
    code += ' ';
    code += t.kind == Token::string ? "\"\"" : t.text;
  }
  return code + ' ';
}

// The first that fits is told: what is particular stands before what is general.
struct Advice {
  std::string_view near, code, advice;  // in the message and among the line's tokens; empty: anything
};

constexpr Advice by_line[] = {
    {"unfinished long", "", "[[ ends with ]], [=[ with ]=]: as many = on both sides"},
    {"unfinished string", "", "the closing quote is missing in the line; a text of several lines stands in [[ … ]]"},
    {"ambiguous syntax", "", "a line that begins with ( goes on with the one before, unless a ; ends that"},
    {"outside a vararg function", " [ . . . ", "t:at({}, 1) takes all of a tensor's dimension"},
    {"outside a vararg function", "", "what takes any number of values is written function(...)"},
    {"'<name>' expected near '('", " for ( ", "a loop counts by itself: for i = 0, n - 1 do … end"},
    {"',' expected near 'do'", " for ", "a loop counts to an end: for i = 1, n do … end"},
    {"'<name>' expected near '", " { ", "a table is written {name = value}, or {[\"a name\"] = value}"},
    {"'='", " = = = ", "equal is =="},
    {"'>'", " < > ", "not equal is ~="},
    {"'>'", " - > ", "a function is written function(x) return x end"},
    {"near '\\'", "", "a line goes on by itself, without a backslash"},
    {"near '`'", "", "a text stands in quotes, one of several lines in [[ … ]]"},
    {"'?'", " ? ? ", "a or b takes b where a is nil"},
    {"'?'", " ? . ", "x and x.y is nil where x is"},
    {"'='", " print ", "a call wants parentheses, and log.info(…) of module log writes a line"},
    {"", " ! = ", "not equal is ~="},
    {"", " + = ", "there is no +=: write n = n + 1"},
    {"", " - = ", "there is no -=: write n = n - 1"},
    {"", " * = ", "there is no *=: write n = n * 2"},
    {"'/'", " / = ", "there is no /=: write n = n / 2"},
    {"", " + + ", "there is no ++: write n = n + 1"},
    {"", " & & ", "it is the word and"},
    {"'&'", " & ", "the condition's word is and; masks are a:logical_and(b), bits bit.band(a, b)"},
    {"'|'", " | ", "the condition's word is or; masks are a:logical_or(b), bits bit.bor(a, b)"},
    {"'!'", " ! ", "it is the word not"},
    {"'/'", " / / ", "a comment begins with --, and math.floor(a / b) divides without a rest"},
    {"'/'", " / * ", "a comment begins with --, one of several lines is --[[ … ]]"},
    {"'#'", "", "a comment begins with --, and #x is a length"},
    {"'*'", " * * ", "a ^ b is the power"},
    {"'<'", " < < ", "bits are bit.lshift(a, n)"},
    {"'>'", " > > ", "bits are bit.rshift(a, n)"},
    {"'<'", " < const > ", "a variable is made with local x = …"},
    {"'<'", " < close > ", "a variable is made with local x = …"},
    {"'@'", " @ ", "a:matmul(b) multiplies matrices"},
    {"'?'", " ? ", "c and a or b chooses"},
    {"", " = > ", "a function is written function(x) return x end"},
    {"", " lambda ", "a function is written function(x) return x end"},
    {"", " in range ( ", "a loop counts by itself: for i = 0, n - 1 do … end"},
    {"near '['", " for ", "a loop fills a list: for i, v in ipairs(list) do out[i] = … end"},
    {"near 'in'", " if ", "there is no in: t[key] ~= nil asks a table, s:find(part, 1, true) a text, a loop a list"},
    {"near 'in'", " return ",
     "there is no in: t[key] ~= nil asks a table, s:find(part, 1, true) a text, a loop a list"},
    {"near 'is'", "", "there is no is: x == nil, x ~= nil"},
    {"near 'if'", " else ", "c and a or b chooses"},
    {"'='", " continue ", "goto continue jumps to ::continue:: at the loop's end"},
    {"')' expected near '='", " function ", "a default is set in the function: n = n or 5"},
    {"near '='", " : = ", "a variable is made on a line of its own: local n = 5"},
    {"near '~'", "", "mask:logical_not() turns a mask over, the word for a condition is not"},
    {"near '.'", " \"\" . ", "a text in quotes wants parentheses: (\"a b\"):upper(); table.concat(list, \", \") joins"},
    {"near '\"", " \"\" \"\" ", "a text of several lines stands in [[ … ]]"},
    {"near '*'", " ( * ", "unpack(list) gives a list's items one by one"},
    {"invalid escape sequence", "", "Lua's patterns are written with %: %s, %d, %w; a backslash itself is \\\\"},
    {"", " def ",
     "a function is written local function name(x) … end, and the file returns one: "
     "return function(input, params) … end"},
    {"'='", " import ", "local torch = require \"torch\" loads a module"},
    {"'='", " from ", "local torch = require \"torch\" loads a module"},
    {"'='", " require ", "the name wants quotes: local torch = require \"torch\""},
    {"'='", " with ", "there is no with; models run without gradients anyway"},
    {"'='", " try ", "pcall(f, …) catches an error"},
    {"'='", " raise ", "error(\"message\") raises one"},
    {"'='", " pass ", "a block may be empty: if a then end"},
    {"'='", " class ", "tables take the place of classes; a stage is a plain function"},
    {"'='", " const ", "a variable is made with local x = …"},
    {"'='", " let ", "a variable is made with local x = …"},
    {"'='", " var ", "a variable is made with local x = …"},
    {"", " elif ", "it is elseif, one word"},
    {"'then'", " = ", "an if wants then, and == compares"},
    {"'then'", "", "an if wants then: if a == b then … end"},
    {"'do'", "", "a loop wants do: for i = 0, n - 1 do … end"},
    {"near 'repeat'", "", "repeat is a word of Lua's: t:tile(2)"},
    {"function arguments expected", " : ", "a method is called with parentheses: t:numel()"},
    {"')' expected near '='", "", "arguments with names are a table at the end: f(x, {dim = 0})"},
    {"']' expected near ','", "", "t[0][1], or t:at(0, 1); t:at({}, 1) takes all of a dimension"},
    {"']' expected near ':'", "",
     "a range is t:at({1, 3}) of a tensor, s:sub(1, 3) of a text, {unpack(list, 1, 3)} of a list"},
    {"near ':'", " [ : ", "a range is t:at({}, {1, 3}) of a tensor, {} being all of a dimension"},
    {"near ':'", " { ", "a table is written {name = value}, or {[\"a name\"] = value}"},
    {"near ':'", " \"\" : ", "a text in quotes wants parentheses: (\"abc\"):upper()"},
    {"near ':'", "", "a block is written then … end, do … end, function(x) … end, without a colon"},
    {"near '['", "", "a list is written {1, 2}"},
    {"near '{'", "", "a block has no braces: function(x) … end"},
    {"')' expected near ','", " ( ", "several values are a table: {5, 5}"},
    {"'}' expected near '='", " \"\" = ", "a key that is a text stands in brackets: {[\"a\"] = 1}"},
    {"'}' expected", "", "a comma stands between a table's entries, and } ends it"},
    {"')' expected", "", "a comma stands between arguments, and ) ends them"},
};

constexpr Advice by_text[] = {
    {"function arguments expected", " try : ", "pcall(f, …) catches an error"},
    {"near '<eof>'", " else if ", "`else if` opens a second if, which wants an end of its own: elseif is one word"},
    {"near '<eof>'", "", "each function, if, for and while wants an end"},
    {"'end' expected", " return ", "nothing may follow return in its block: do return x end in the middle of one"},
    {"'<eof>' expected near 'end'", "", "there is one end more than what it could close"},
};

template <size_t n>
std::string_view found(const Advice (&list)[n], std::string_view message, std::string_view code) {
  const auto *a = std::find_if(std::begin(list), std::end(list),
                               [&](const Advice &i) { return contains(message, i.near) && contains(code, i.code); });
  return a == std::end(list) ? "" : a->advice;
}

// Of a word of the language where a name is wanted: `t.end`, `local end`.
std::string reserved_advice(std::string_view message) {
  constexpr std::string_view wanted = "'<name>' expected near '",
                             words =
                                 " and break do else elseif end false for function goto if in "
                                 "local nil not or return then true until while ";
  const size_t at = message.find(wanted);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = message.substr(at + wanted.size());
  const std::string word(rest.substr(0, rest.find('\'')));
  if (words.find(" " + word + " ") == std::string_view::npos) return "";
  return word + " is a word of Lua's and no name: t[\"" + word + "\"] is a field of that name";
}

}  // namespace

std::string syntax_advice(std::string_view message, std::string_view line, std::string_view text) {
  const std::string_view shown = trimmed(line);
  const std::string reserved = reserved_advice(message);
  std::string_view advice = reserved.empty() ? found(by_line, message, code_of(line)) : reserved;
  if (contains(line, "\xc2\xa0")) advice = "the line has a no-break space, which is no blank for Lua";
  if (advice.empty()) advice = found(by_text, message, code_of(text));
  std::string more = shown.empty() ? "" : " in `" + printable(shown, 100) + "`";
  if (!advice.empty()) more.append("; ").append(advice);
  return more;
}

}  // namespace mrun
