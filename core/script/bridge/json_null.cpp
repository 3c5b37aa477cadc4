#include "script/bridge/json_null.h"

#include "base/text.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

// LuaJIT's own words for it are "a userdata value", which nobody has written.
[[noreturn]] void refuse_null(const std::string &what) {
  fail(MRUN_SCRIPT, "attempt to {}: that is null in the JSON and true in a condition; x ~= json.null asks for a value",
       what);
}

std::string null_key_text(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return describe_lua(L, 2);
  return "'" + printable(lua_tostring(L, 2), 60) + "'";
}

int index_null(lua_State *L, Vm &) { refuse_null("index json.null with " + null_key_text(L)); }
int set_null(lua_State *L, Vm &) { refuse_null("set " + null_key_text(L) + " of json.null"); }
int call_null(lua_State *, Vm &) { refuse_null("call json.null"); }
int length_of_null(lua_State *, Vm &) { refuse_null("get the length of json.null"); }
int concatenate_null(lua_State *, Vm &) { refuse_null("concatenate json.null"); }
int calculate_null(lua_State *, Vm &) { refuse_null("perform arithmetic on json.null"); }
int compare_null(lua_State *, Vm &) { refuse_null("compare json.null with json.null"); }

}  // namespace

void push_json_null(lua_State *L) { lua_pushlightuserdata(L, nullptr); }

void open_json_null(lua_State *L) {
  static const luaL_Reg entries[] = {
      {"__index", library<index_null>},   {"__newindex", library<set_null>},       {"__call", library<call_null>},
      {"__len", library<length_of_null>}, {"__concat", library<concatenate_null>}, {"__add", library<calculate_null>},
      {"__sub", library<calculate_null>}, {"__mul", library<calculate_null>},      {"__div", library<calculate_null>},
      {"__mod", library<calculate_null>}, {"__pow", library<calculate_null>},      {"__unm", library<calculate_null>},
      {"__lt", library<compare_null>},    {"__le", library<compare_null>},         {nullptr, nullptr}};
  push_json_null(L);
  lua_newtable(L);
  luaL_register(L, nullptr, entries);
  lua_setmetatable(L, -2);  // of all light userdata: scripts see no other
  lua_pop(L, 1);
}

}  // namespace mrun
