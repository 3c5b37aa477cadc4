#include "script/vm/frozen.h"

#include "script/vm/arguments.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

// Its address is a key that no script can make.
const char frozen_key = 0;

int set_frozen(lua_State *L, Vm &) {
  const std::string key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : describe_lua(L, 2);
  fail(MRUN_SCRIPT, "a library or module is read-only: '{}' cannot be set", key);
}

void freeze_table(lua_State *L, int level);

// Tables inside a library or module, lists excepted, are read-only too.
void freeze_fields(lua_State *L, int level) {
  const int table = lua_gettop(L);
  std::vector<std::string> names;
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE && lua_rawequal(L, -1, table) == 0 &&
        lua_objlen(L, -1) == 0) {
      names.emplace_back(lua_tostring(L, -2));
    }
  }
  for (const std::string &name : names) {
    lua_getfield(L, table, name.c_str());
    if (push_frozen(L, -1)) {
      lua_pop(L, 2);
      continue;
    }
    freeze_table(L, level + 1);
    lua_setfield(L, table, name.c_str());
  }
}

// Puts in the place of the table on top an empty one that reads through to it: only in a table that has no key of its own does
// every assignment come to __newindex.
void freeze_table(lua_State *L, int level) {
  luaL_checkstack(L, 8, "a module has too many levels");
  constexpr int deepest = 4;  // a table that leads back to itself would have no end
  if (level < deepest) freeze_fields(L, level);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, library<set_frozen>);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pushlightuserdata(L, const_cast<char *>(&frozen_key));
  lua_pushvalue(L, -4);
  lua_rawset(L, -3);
  // A module that can be called stays so.
  if (luaL_getmetafield(L, -3, "__call") != 0) lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
  lua_replace(L, -2);
}

}  // namespace

void freeze(lua_State *L) { freeze_table(L, 0); }

bool push_frozen(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE || lua_getmetatable(L, index) == 0) return false;
  lua_pushlightuserdata(L, const_cast<char *>(&frozen_key));
  lua_rawget(L, -2);
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

}  // namespace mrun
