#include "script/vm/hints.h"

#include <algorithm>

#include "base/text.h"
#include "script/vm/frozen.h"
#include "script/vm/vm.h"

namespace mrun {
namespace {

bool is_name(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string_view name_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_name(text[end])) ++end;
  return text.substr(at, end - at);
}

// Calls each(owner, field) for every `owner.field` in a line of a script.
template <class F>
void each_field(std::string_view line, F &&each) {
  for (size_t dot = line.find('.'); dot != std::string_view::npos; dot = line.find('.', dot + 1)) {
    size_t begin = dot;
    while (begin > 0 && is_name(line[begin - 1])) --begin;
    const std::string_view field = name_at(line, dot + 1);
    if (begin < dot && !field.empty()) each(line.substr(begin, dot - begin), field);
  }
}

bool has_field(lua_State *L, int table, std::string_view name) {
  lua_pushlstring(L, name.data(), name.size());
  lua_rawget(L, table);
  const bool has = !lua_isnil(L, -1);
  lua_pop(L, 1);
  return has;
}

// Of a module or library called `owner`: that it has no such field.
std::string module_hint(lua_State *L, const Vm &vm, std::string_view owner, std::string_view field) {
  const int top = lua_gettop(L);
  std::string hint;
  for (const int place : {vm.anchors.modules, vm.anchors.globals}) {
    push_anchor(L, place);
    lua_pushlstring(L, owner.data(), owner.size());
    lua_rawget(L, -2);
    if (!push_frozen(L, -1)) continue;
    const int table = lua_gettop(L);
    if (has_field(L, table, field)) break;
    std::vector<std::string> names;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
      if (lua_type(L, -2) == LUA_TSTRING) names.emplace_back(lua_tostring(L, -2));
    }
    hint = fmt::format("; {} has no {}{}", owner, printable(field, 60), did_you_mean(std::string(field), names));
    break;
  }
  lua_settop(L, top);
  return hint;
}

std::string params_hint(const Vm &vm, std::string_view field) {
  if (!vm.options.params.is_map() || vm.options.params.find(field) != nullptr) return "";
  std::vector<std::string> names;
  for (const Entry &e : vm.options.params.as_map()) names.emplace_back(e.key());
  return fmt::format("; params has no {}{}", printable(field, 60), did_you_mean(std::string(field), names));
}

bool contains(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

std::string tensor_hint(std::string_view message, std::string_view line) {
  if (contains(message, "attempt to compare") && contains(message, "userdata")) {
    return "; a tensor is compared element by element with t:lt(x), t:le(x), t:gt(x), t:ge(x), t:eq(x); t:item() is a "
           "single element's number";
  }
  if (contains(line, ":item") && (contains(message, "a number value") || contains(message, "a boolean value") ||
                                  contains(message, "method 'item'"))) {
    return "; t[i] of a tensor of one dimension is a number already, without :item()";
  }
  return "";
}

std::string translate(std::string_view text) {
  static const std::pair<std::string_view, const char *> hints[] = {
      {"global 'print'", "; scripts write to the log: require \"log\""},
      {"global 'io'", "; scripts read files of the bundle only: require \"bundle\""},
      {"global 'os'", "; scripts have no clock, files or environment"},
      {"global 'load", "; code comes from the bundle's own files: require \"lib.NAME\""},
      {"global 'dofile'", "; code comes from the bundle's own files: require \"lib.NAME\""},
      {"global '_G'", "; globals have no table here"},
      {"global 'utf8'", "; characters of a text are module text's: text.characters(s)"},
      {"field 'unpack'", "; unpack stands alone here, as in Lua 5.1"},
      {"method 'split'", "; text.regex(pattern):split(s) cuts a text, s:gmatch \"%S+\" goes through its words"},
      {"method 'strip'", "; s:match \"^%s*(.-)%s*$\" is s without white space around it"},
      {"method 'join'", "; table.concat(list, between) joins texts"}};
  if (text == "attempt to yield across C-call boundary") {
    return "a coroutine cannot yield inside table.sort, string.gsub, tostring or a native operation's callback";
  }
  for (const auto &[word, hint] : hints) {
    if (text.find("attempt to") == 0 && text.find(word) != std::string_view::npos) return std::string(text) + hint;
  }
  return std::string(text);
}

// That a module or params has no field of a name that the line asks it for: "; params has no treshold; did you mean …".
std::string field_hint(lua_State *L, std::string_view line) {
  const Vm &vm = vm_of(L);
  std::string hint;
  each_field(line, [&](std::string_view owner, std::string_view field) {
    if (!hint.empty()) return;
    hint = owner == "params" ? params_hint(vm, field) : module_hint(L, vm, owner, field);
  });
  return hint;
}

// An error's text with what helps: the words that LuaJIT has for it mean nothing to who writes a script, and the line
// that failed says what was asked of a module, of params or of a tensor.
std::string with_hint(lua_State *L, std::string_view message, std::string_view line) {
  std::string text = translate(message);
  if (contains(message, "number expected, got userdata")) text += "; of a tensor t:item() is the only element's number";
  if (text.size() != message.size() || !message.starts_with("attempt to")) return text;
  std::string hint = tensor_hint(message, line);
  if (hint.empty() && contains(message, "nil")) hint = field_hint(L, line);
  return text + hint;
}

}  // namespace

void open_hints(lua_State *L) {
  Vm &vm = vm_of(L);
  vm.with_hint = with_hint;
  vm.field_hint = field_hint;
}

}  // namespace mrun
