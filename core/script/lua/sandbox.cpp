#include "script/lua/sandbox.h"

#include "script/bridge/native.h"
#include "script/lua/base.h"
#include "script/lua/coroutine.h"
#include "script/lua/library.h"
#include "script/lua/math.h"
#include "script/lua/string.h"
#include "script/lua/table.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"

namespace mrun {
namespace {

constexpr const char *bit_names[] = {"arshift", "band", "bnot", "bor",    "bswap", "bxor",
                                     "lshift",  "rol",  "ror",  "rshift", "tobit", "tohex"};

void open_library(lua_State *L, lua_CFunction library, const char *name) {
  lua_pushcfunction(L, library);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

void clear(lua_State *L, int table) {
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, table);
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

// Upvalue 1: where the file's globals lie.
int set_global(lua_State *L, Vm &vm) {
  if (vm.frozen && vm.loading.empty()) {
    const std::string key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : describe_lua(L, 2);
    fail(MRUN_SCRIPT, "global '{}' is set after the top-level code has ended: globals are constants then; use a local",
         key);
  }
  lua_settop(L, 3);
  lua_rawset(L, lua_upvalueindex(1));
  return 0;
}

void push_bit(lua_State *L, int from) { take(L, from, bit_names); }

// Makes LuaJIT's library `name` what scripts see of it, a field of the table at `into`.
void add_library(lua_State *L, int globals, int into, const char *name, void (*push)(lua_State *, int from)) {
  lua_getfield(L, globals, name);
  push(L, lua_gettop(L));
  freeze(L);
  lua_setfield(L, into, name);
  lua_settop(L, into);
}

}  // namespace

void push_environment(lua_State *L, bool std) {
  push_anchor(L, vm_of(L).anchors.globals);
  const int globals = lua_gettop(L);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, globals) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, globals + 1);
  }
  if (std) {
    push_native(L);
    lua_setfield(L, globals + 1, "native");
  }
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, globals + 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, globals + 1);
  lua_pushcclosure(L, library<set_global>, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_replace(L, globals);
  lua_settop(L, globals);
}

void open_sandbox(lua_State *L) {
  open_library(L, luaopen_base, "");
  open_library(L, luaopen_string, LUA_STRLIBNAME);
  open_library(L, luaopen_table, LUA_TABLIBNAME);
  open_library(L, luaopen_math, LUA_MATHLIBNAME);
  open_library(L, luaopen_bit, LUA_BITLIBNAME);
  lua_settop(L, 0);
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  const int globals = 1, into = 2;
  open_prelude(L, globals);
  push_base(L, globals);
  add_library(L, globals, into, "string", push_string);
  add_library(L, globals, into, "table", push_table);
  add_library(L, globals, into, "math", push_math);
  add_library(L, globals, into, "bit", push_bit);
  add_library(L, globals, into, "coroutine", push_coroutine);
  vm_of(L).anchors.globals = anchor(L);
  clear(L, globals);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
}

}  // namespace mrun
