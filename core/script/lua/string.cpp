#include "script/lua/string.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>

#include "script/bridge/missing_key.h"
#include "script/lua/base.h"
#include "script/lua/buffer.h"
#include "script/lua/library.h"
#include "script/lua/pattern.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

constexpr const char *string_names[] = {"byte", "char", "format", "len", "sub"};

std::string_view text_at(lua_State *L, int index, const char *function, const char *name) {
  if (lua_type(L, index) == LUA_TNUMBER) lua_tolstring(L, index, nullptr);  // becomes a string in its place
  return want_string(L, index, function, name);
}

// A position as string functions take it, from 1, negative from the end; -> from 0, within the text.
size_t start_at(lua_State *L, int index, size_t size, const char *function) {
  int64_t start = lua_isnoneornil(L, index) ? 1 : int32_at(L, index, function, "init");
  if (start < 0) start = std::max<int64_t>(start + static_cast<int64_t>(size) + 1, 1);
  return std::min(static_cast<size_t>(std::max<int64_t>(start, 1) - 1), size);
}

bool is_plain(lua_State *L, std::string_view pattern) {
  for (; !pattern.empty(); pattern.remove_prefix(std::min(pattern.size(), text_window))) {
    if (pattern.substr(0, text_window).find_first_of("^$*+?.([%-") != std::string_view::npos) return false;
    if (pattern.size() > text_window) poll(L);
  }
  return true;
}

PatternMatcher make_matcher(lua_State *L, std::string_view subject, std::string_view pattern) {
  return {subject, pattern, [L] { poll(L); }};
}

void push_capture(lua_State *L, const PatternMatcher &m, std::string_view subject, int i, const char *begin,
                  const char *end) {
  if (i >= m.captures()) {
    if (i != 0) fail(MRUN_SCRIPT, "invalid capture index %{}", i + 1);
    lua_pushlstring(L, begin, static_cast<size_t>(end - begin));
    return;
  }
  const auto &c = m.capture(i);
  if (c.size == PatternMatcher::position) {
    lua_pushinteger(L, c.begin - subject.data() + 1);
  } else {
    lua_pushlstring(L, c.begin, static_cast<size_t>(c.size));
  }
}

// All captures; the whole match where there are none and `whole`.
int push_captures(lua_State *L, const PatternMatcher &m, std::string_view subject, const char *begin, const char *end,
                  bool whole) {
  const int count = m.captures() == 0 && whole ? 1 : m.captures();
  want_stack(L, count + 2, "too many captures");
  for (int i = 0; i < count; ++i) push_capture(L, m, subject, i, begin, end);
  return count;
}

// memmem's time is linear, unlike that of LuaJIT's or the standard library's search.
int find_plain(lua_State *L, std::string_view subject, std::string_view pattern, size_t start) {
  const size_t step = std::max(text_window, 2 * pattern.size());
  const void *found = nullptr;
  for (size_t from = start; found == nullptr && from + pattern.size() <= subject.size(); from += step) {
    if (from != start) poll(L);
    const size_t size = std::min(subject.size() - from, step + pattern.size());
    found = ::memmem(subject.data() + from, size, pattern.data(), pattern.size());
  }
  if (found == nullptr) {
    lua_pushnil(L);
    return 1;
  }
  const auto at = static_cast<size_t>(static_cast<const char *>(found) - subject.data());
  lua_pushnumber(L, static_cast<double>(at + 1));
  lua_pushnumber(L, static_cast<double>(at + pattern.size()));
  return 2;
}

int search(lua_State *L, const char *function, bool find) {
  const std::string_view subject = text_at(L, 1, function, "text");
  std::string_view pattern = text_at(L, 2, function, "pattern");
  const size_t start = start_at(L, 3, subject.size(), function);
  if (find && (lua_toboolean(L, 4) != 0 || is_plain(L, pattern))) return find_plain(L, subject, pattern, start);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatcher m = make_matcher(L, subject, pattern);
  const char *const last = subject.data() + subject.size();
  for (const char *s = subject.data() + start;; ++s) {
    if (const char *end = m.match(s)) {
      if (!find) return push_captures(L, m, subject, s, end, true);
      lua_pushinteger(L, s - subject.data() + 1);
      lua_pushinteger(L, end - subject.data());
      return 2 + push_captures(L, m, subject, s, end, false);
    }
    if (anchored || s >= last) break;
  }
  lua_pushnil(L);
  return 1;
}

int find(lua_State *L, Vm &) { return search(L, "string.find", true); }
int match(lua_State *L, Vm &) { return search(L, "string.match", false); }

// Upvalues: the text, the pattern, where to go on.
int gmatch_step(lua_State *L, Vm &) {
  size_t size = 0, pattern_size = 0;
  const char *data = lua_tolstring(L, lua_upvalueindex(1), &size);
  const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_size);
  const std::string_view subject(data, size);
  PatternMatcher m = make_matcher(L, subject, {pattern, pattern_size});
  for (auto at = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(3))); at <= size; ++at) {
    const char *const end = m.match(data + at);
    if (end == nullptr) continue;
    const size_t next = static_cast<size_t>(end - data) + (end == data + at ? 1 : 0);
    lua_pushnumber(L, static_cast<double>(next));
    lua_replace(L, lua_upvalueindex(3));
    return push_captures(L, m, subject, data + at, end, true);
  }
  return 0;
}

int gmatch(lua_State *L, Vm &) {
  text_at(L, 1, "string.gmatch", "text");
  text_at(L, 2, "string.gmatch", "pattern");
  lua_settop(L, 2);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, library<gmatch_step>, 3);
  return 1;
}

// What gsub puts in place of a match.
class Replacement {
 public:
  Replacement(lua_State *L, std::string_view subject) : L_(L), subject_(subject), type_(lua_type(L, 3)) {
    if (type_ == LUA_TNUMBER || type_ == LUA_TSTRING) {
      text_ = text_at(L, 3, "string.gsub", "replacement");
      type_ = LUA_TSTRING;
    } else if (type_ != LUA_TTABLE && type_ != LUA_TFUNCTION) {
      fail(MRUN_ARGUMENT, "string.gsub: replacement: want a string, table or function, got {}", describe_lua(L, 3));
    }
  }

  void add(const PatternMatcher &m, const char *begin, const char *end, Buffer &out) {
    if (type_ == LUA_TSTRING) {
      add_text(m, begin, end, out);
      return;
    }
    if (type_ == LUA_TTABLE) {
      push_capture(L_, m, subject_, 0, begin, end);
      lua_gettable(L_, 3);
    } else {
      guard_stack(vm_of(L_));
      lua_pushvalue(L_, 3);
      lua_call(L_, push_captures(L_, m, subject_, begin, end, true), 1);
    }
    if (lua_toboolean(L_, -1) == 0) {
      out.append({begin, static_cast<size_t>(end - begin)});
    } else if (lua_isstring(L_, -1) != 0) {
      append_top(out);
    } else {
      fail(MRUN_SCRIPT, "string.gsub: want a string or number in place of a match, got {}", describe_lua(L_, -1));
    }
    lua_pop(L_, 1);
  }

 private:
  void append_top(Buffer &out) {
    size_t size = 0;
    const char *data = lua_tolstring(L_, -1, &size);
    out.append({data, size});
  }

  void add_text(const PatternMatcher &m, const char *begin, const char *end, Buffer &out) {
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] != '%') {
        out.append(text_[i]);
        continue;
      }
      if (++i == text_.size()) fail(MRUN_SCRIPT, "string.gsub: the replacement ends with '%'");
      const char c = text_[i];
      if (c == '0') {
        out.append({begin, static_cast<size_t>(end - begin)});
      } else if (c >= '1' && c <= '9') {
        push_capture(L_, m, subject_, c - '1', begin, end);
        append_top(out);
        lua_pop(L_, 1);
      } else {
        out.append(c);
      }
    }
  }

  lua_State *L_;
  std::string_view subject_, text_;
  int type_;
};

// ---- texts made of texts

// Of the 26 letters from `first` on the other case, whatever the locale.
char other_case(char c, char first) { return c >= first && c < first + 26 ? static_cast<char>(c ^ 0x20) : c; }

// The text, a window at a time: to(where, text, from, how many).
template <class F>
int rewritten(lua_State *L, const char *function, F &&to) {
  const std::string_view text = text_at(L, 1, function, "text");
  Buffer out(L);
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); at += text_window) {
    const size_t n = std::min(text_window, text.size() - at);
    to(out.extend(n), text, at, n);
  }
  out.push();
  return 1;
}

int to_lower(lua_State *L, Vm &) {
  return rewritten(L, "string.lower", [](char *out, std::string_view text, size_t at, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = other_case(text[at + i], 'A');
  });
}

int to_upper(lua_State *L, Vm &) {
  return rewritten(L, "string.upper", [](char *out, std::string_view text, size_t at, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = other_case(text[at + i], 'a');
  });
}

int reverse(lua_State *L, Vm &) {
  return rewritten(L, "string.reverse", [](char *out, std::string_view text, size_t at, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = text[text.size() - 1 - at - i];
  });
}

// Short units are repeated in a block first: one at a time a gigabyte would take seconds.
int rep(lua_State *L, Vm &vm) {
  const std::string_view text = text_at(L, 1, "string.rep", "text");
  const double count = std::trunc(want_number(L, 2, "string.rep", "n"));
  const std::string_view between = lua_isnoneornil(L, 3) ? "" : text_at(L, 3, "string.rep", "separator");
  const size_t unit = text.size() + between.size();
  Buffer out(L);
  if (count >= 1 && unit > 0) {
    const double size = count * static_cast<double>(unit) - static_cast<double>(between.size());
    if (size > static_cast<double>(vm.options.lua_memory)) throw heap_full(vm);
    const auto whole = static_cast<size_t>(size);
    out.reserve(whole);
    out.append(text);
    if (out.size() < whole) out.append(between);
    while (out.size() < whole) out.repeat(std::min(whole - out.size(), out.size()));
  }
  out.push();
  return 1;
}

int gsub(lua_State *L, Vm &) {
  const std::string_view subject = text_at(L, 1, "string.gsub", "text");
  std::string_view pattern = text_at(L, 2, "string.gsub", "pattern");
  Replacement replacement(L, subject);
  const int64_t most = lua_isnoneornil(L, 4) ? std::numeric_limits<int64_t>::max() : int32_at(L, 4, "string.gsub", "n");
  lua_settop(L, 3);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  PatternMatcher m = make_matcher(L, subject, pattern);
  const char *s = subject.data(), *const last = s + subject.size();
  Buffer out(L);
  int64_t count = 0;
  while (count < most) {
    const char *const end = m.match(s);
    if (end != nullptr) {
      ++count;
      replacement.add(m, s, end, out);
    }
    if (end != nullptr && end > s) {
      s = end;
    } else if (s < last) {
      out.append(*s++);
    } else {
      break;
    }
    if (anchored) break;
  }
  out.append({s, static_cast<size_t>(last - s)});
  out.push();
  lua_pushnumber(L, static_cast<double>(count));
  return 2;
}

// Replaces the value at `index` by its text.
void to_text(lua_State *L, int index) {
  lua_pushcfunction(L, library<text_of>);
  lua_pushvalue(L, index);
  lua_call(L, 1, 1);
  push_plain_text(L, -1);
  lua_replace(L, index);
  lua_pop(L, 1);
}

// Replaces the text at `index` by what %q makes of it: LuaJIT's own does that for a long one without a look at the limits.
void to_quoted(lua_State *L, int index) {
  std::string_view text = want_string(L, index, "string.format", "%q");
  Buffer out(L);
  out.append('"');
  while (!text.empty()) {
    size_t n = std::min(text.size(), text_window);
    while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;  // "\1" and "2" would read as "\12"
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushliteral(L, "%q");
    lua_pushlstring(L, text.data(), n);
    lua_call(L, 2, 1);
    const std::string_view quoted = want_string(L, -1, "string.format", "%q");
    out.append(quoted.substr(1, quoted.size() - 2));
    lua_pop(L, 1);
    text.remove_prefix(n);
  }
  out.append('"');
  out.push();
  lua_replace(L, index);
}

// The text between `%` and the conversion's letter.
struct NumberFormat {
  bool left = false, zeros = false, alternate = false;
  char plus = 0;  // what stands where the sign of a negative number would; 0: nothing
  size_t width = 0;
  int precision = 6;
};

// Nothing: LuaJIT refuses it.
std::optional<NumberFormat> number_format(std::string_view options) {
  NumberFormat f;
  const size_t flags = std::min(options.find_first_not_of("-+ #0"), options.size());
  for (const char flag : options.substr(0, flags)) {
    f.left |= flag == '-';
    f.zeros |= flag == '0';
    f.alternate |= flag == '#';
    if (flag == '+' || (flag == ' ' && f.plus == 0)) f.plus = flag;
  }
  constexpr size_t most_digits = 2;
  options.remove_prefix(flags);
  const size_t point = std::min(options.find('.'), options.size());
  if (point > most_digits || options.size() > point + 1 + most_digits) return std::nullopt;
  if (options.find_first_not_of("0123456789") < point ||
      options.find_first_not_of("0123456789", point + 1) < options.size()) {
    return std::nullopt;
  }
  const auto number = [&](size_t from, size_t to) {
    size_t n = 0;
    for (const char digit : options.substr(from, to - from)) n = n * 10 + static_cast<size_t>(digit - '0');
    return n;
  };
  f.width = number(0, point);
  if (point < options.size()) f.precision = static_cast<int>(number(point + 1, options.size()));
  return f;
}

std::string digits(double x, std::chars_format format, int precision) {
  std::array<char, 512> room;
  return {room.data(), std::to_chars(room.data(), room.data() + room.size(), x, format, precision).ptr};
}

// With `#` a point is always written, and %g keeps zeros at the end.
std::string alternate_digits(double x, std::chars_format format, int precision) {
  if (format == std::chars_format::general) {
    precision = std::max(precision, 1) - 1;
    const std::string text = digits(x, std::chars_format::scientific, precision);
    const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
    const bool fixed = exponent >= -4 && exponent <= precision;
    format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
    if (fixed) precision -= exponent;
  }
  std::string text = digits(x, format, precision);
  if (precision == 0) text.insert(std::min(text.find('e'), text.size()), 1, '.');
  return text;
}

// As C writes a finite number, with the even digit where it lies halfway between two.
std::string number_text(double x, const NumberFormat &f, char conversion) {
  const char kind = static_cast<char>(std::tolower(conversion));
  const std::chars_format format = kind == 'f'   ? std::chars_format::fixed
                                   : kind == 'e' ? std::chars_format::scientific
                                                 : std::chars_format::general;
  std::string text = std::signbit(x) ? "-" : std::string(f.plus != 0 ? 1 : 0, f.plus);
  const size_t sign = text.size();
  text += (f.alternate ? alternate_digits : digits)(std::fabs(x), format, f.precision);
  if (kind != conversion) {
    std::ranges::transform(text, text.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  }
  const size_t filling = f.width > text.size() ? f.width - text.size() : 0;
  if (f.left) return text.append(filling, ' ');
  return text.insert(f.zeros ? sign : 0, filling, f.zeros ? '0' : ' ');
}

// Whether LuaJIT, which takes the digit farther from zero, may write it otherwise than C. Few numbers lie halfway between two
// of so many decimals: they end at the power of two that is one beyond the decimals.
bool may_round_otherwise(double x, const NumberFormat &f, char conversion) {
  if (x == 0 || !std::isfinite(x)) return false;
  const double scaled = std::ldexp(x, f.precision + 1);
  return (conversion != 'f' && conversion != 'F') || scaled == std::trunc(scaled);
}

// Whether the number at `index` is now the text that the conversion gives, as LuaJIT may write it otherwise.
bool write_number(lua_State *L, int index, std::string_view options, char conversion) {
  if (std::string_view("eEfFgG").find(conversion) == std::string_view::npos || lua_isnumber(L, index) == 0)
    return false;
  const double x = lua_tonumber(L, index);
  const auto format = number_format(options);
  if (!format || !may_round_otherwise(x, *format, conversion)) return false;
  const std::string text = number_text(x, *format, conversion);
  lua_pushlstring(L, text.data(), text.size());
  lua_replace(L, index);
  return true;
}

// Upvalue 1: LuaJIT's own, which gets every %s as a string, short texts alone for %q, and no number that it may round
// otherwise than C.
int format(lua_State *L, Vm &) {
  const std::string_view text = text_at(L, 1, "string.format", "format");
  if (text.size() > text_window)
    fail(MRUN_ARGUMENT, "string.format: format: {} bytes, {} are the most", text.size(), text_window);
  const int given = lua_gettop(L);
  std::string own;     // the format for LuaJIT, where it is another one
  size_t carried = 0;  // of text, into it
  int argument = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    const size_t options = i + 1;
    i = std::min(text.find_first_not_of("-+ #0123456789.", options), text.size());
    if (i == text.size() || text[i] == '%') continue;
    if (text[i] == 'p') fail(MRUN_ARGUMENT, "string.format: there is no %p: values have no addresses here");
    if (++argument > given) continue;
    if (text[i] == 's' && lua_isstring(L, argument) == 0) to_text(L, argument);
    const bool number = write_number(L, argument, text.substr(options, i - options), text[i]);
    const bool quoted = text[i] == 'q' && lua_type(L, argument) == LUA_TSTRING && lua_objlen(L, argument) > text_window;
    if (quoted) to_quoted(L, argument);
    if (!number && !quoted) continue;
    own.append(text.substr(carried, (number ? options : i) - carried)) += 's';
    carried = i + 1;
  }
  if (carried > 0) {
    own.append(text.substr(carried));
    lua_pushlstring(L, own.data(), own.size());
    lua_replace(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, given, 1);
  return 1;
}

// Asked for what texts do not have.
int no_method(lua_State *L, Vm &) {
  doubt_missing_method(L);
  return 0;
}

}  // namespace

void push_string(lua_State *L, int from) {
  take(L, from, string_names);
  static const luaL_Reg functions[] = {
      {"find", library<find>},       {"gmatch", library<gmatch>},  {"gsub", library<gsub>},
      {"lower", library<to_lower>},  {"match", library<match>},    {"rep", library<rep>},
      {"reverse", library<reverse>}, {"upper", library<to_upper>}, {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  lua_getfield(L, -1, "format");
  lua_pushcclosure(L, library<format>, 1);
  lua_setfield(L, -2, "format");
  lua_newtable(L);
  lua_pushcfunction(L, library<no_method>);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pushliteral(L, "");  // strings' own methods
  lua_getmetatable(L, -1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}

}  // namespace mrun
