#include "script/bridge/json_null.h"

#include "base/text.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

// LuaJIT's own words for it are "a userdata value", which nobody has written.
[[noreturn]] void refuse(const std::string &what) {
  fail(MRUN_SCRIPT, "attempt to {}: that is null in the JSON and true in a condition; x ~= json.null asks for a value",
       what);
}

std::string key_text(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return describe_lua(L, 2);
  return "'" + printable(lua_tostring(L, 2), 60) + "'";
}

int index(lua_State *L, Vm &) { refuse("index json.null with " + key_text(L)); }
int set(lua_State *L, Vm &) { refuse("set " + key_text(L) + " of json.null"); }
int call(lua_State *, Vm &) { refuse("call json.null"); }
int length(lua_State *, Vm &) { refuse("get the length of json.null"); }
int concatenate(lua_State *, Vm &) { refuse("concatenate json.null"); }
int calculate(lua_State *, Vm &) { refuse("perform arithmetic on json.null"); }
int compare(lua_State *, Vm &) { refuse("compare json.null with json.null"); }

}  // namespace

void push_json_null(lua_State *L) { lua_pushlightuserdata(L, nullptr); }

void open_json_null(lua_State *L) {
  static const luaL_Reg entries[] = {
      {"__index", library<index>},   {"__newindex", library<set>},       {"__call", library<call>},
      {"__len", library<length>},    {"__concat", library<concatenate>}, {"__add", library<calculate>},
      {"__sub", library<calculate>}, {"__mul", library<calculate>},      {"__div", library<calculate>},
      {"__mod", library<calculate>}, {"__pow", library<calculate>},      {"__unm", library<calculate>},
      {"__lt", library<compare>},    {"__le", library<compare>},         {nullptr, nullptr}};
  push_json_null(L);
  lua_newtable(L);
  luaL_register(L, nullptr, entries);
  lua_setmetatable(L, -2);  // of all light userdata: scripts see no other
  lua_pop(L, 1);
}

}  // namespace mrun
