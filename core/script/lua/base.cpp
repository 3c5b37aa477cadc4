#include "script/lua/base.h"

#include <string_view>

#include "script/bridge/convert.h"
#include "script/lua/coroutine.h"
#include "script/lua/library.h"
#include "script/lua/tensor_checks.h"
#include "script/lua/traversal.h"
#include "script/vm/errors.h"
#include "script/vm/fiber.h"
#include "script/vm/frozen.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

constexpr const char *base_names[] = {"assert", "ipairs", "pcall",    "rawequal",
                                      "rawget", "select", "tonumber", "_VERSION"};

// As LuaJIT's, but for levels of the engine's own.
int error(lua_State *L) {
  if (!lua_isnoneornil(L, 2) && lua_isnumber(L, 2) == 0) {
    return luaL_error(L, "bad argument #2 to 'error' (number expected, got %s)", luaL_typename(L, 2));
  }
  const int level = lua_isnoneornil(L, 2) ? 1 : static_cast<int>(lua_tointeger(L, 2));
  lua_settop(L, 1);
  if (lua_isstring(L, 1) != 0 && level > 0) {
    luaL_where(L, level_behind_prelude(L, level));
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

int type(lua_State *L, Vm &) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "type: want a value");
  lua_pushstring(L, handle_at(L, 1, Handle::constant) != nullptr ? "table" : luaL_typename(L, 1));
  return 1;
}

int getmetatable(lua_State *L, Vm &) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "getmetatable: want a value");
  if (lua_type(L, 1) != LUA_TTABLE || is_guarded(L, 1) || push_frozen(L, 1) || lua_getmetatable(L, 1) == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushstring(L, "__metatable");
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) lua_pop(L, 1);
  return 1;
}

// What a weak table still holds depends on when the collector ran, and so on how the work was shared out: none is.
bool is_mode(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING && std::string_view(lua_tostring(L, index)) == "__mode";
}

int setmetatable(lua_State *L, Vm &) {
  const bool removes = lua_gettop(L) >= 2 && lua_isnil(L, 2);
  lua_settop(L, 2);
  if (lua_type(L, 1) != LUA_TTABLE) fail(MRUN_SCRIPT, "setmetatable: want a table, got {}", describe_lua(L, 1));
  if (lua_type(L, 2) != LUA_TTABLE && !removes) {
    fail(MRUN_SCRIPT, "setmetatable: metatable: want a table or nil, got {}", describe_lua(L, 2));
  }
  if (luaL_getmetafield(L, 1, "__metatable") != 0) fail(MRUN_SCRIPT, "cannot change a protected metatable");
  if (!removes) {
    lua_pushliteral(L, "__mode");
    lua_rawget(L, 2);
    if (!lua_isnil(L, -1)) {
      lua_pushliteral(L, "__mode");
      lua_pushnil(L);
      lua_rawset(L, 2);
    }
  }
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

int rawset(lua_State *L, Vm &) {
  if (lua_gettop(L) < 3) fail(MRUN_ARGUMENT, "rawset: want (table, key, value)");
  lua_settop(L, 3);
  if (lua_type(L, 1) != LUA_TTABLE || push_frozen(L, 1)) {
    fail(MRUN_ARGUMENT, "rawset: want a table of your own, got {}", describe_lua(L, 1));
  }
  if (lua_isnil(L, 2)) fail(MRUN_ARGUMENT, "rawset: the key is nil");
  if (lua_type(L, 2) == LUA_TNUMBER && lua_tonumber(L, 2) != lua_tonumber(L, 2)) {
    fail(MRUN_ARGUMENT, "rawset: the key is NaN");
  }
  if (is_mode(L, 2)) lua_pop(L, 2);
  if (lua_gettop(L) == 3) lua_rawset(L, 1);
  return 1;
}

int emit(lua_State *L, Vm &vm) {
  FiberImpl &fiber = *vm.fiber;
  if (!fiber.emits) fail(MRUN_SCRIPT, "emit is for forward and postprocess, this is {}", fiber.stage);
  poll(L);  // a loop of a few instructions can emit gigabytes
  Value v = to_value(L, 1, "what emit was given");
  if (fiber.emit) fiber.emit(std::move(v));
  return 0;
}

}  // namespace

void push_plain_text(lua_State *L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TSTRING: lua_pushvalue(L, index); return;
    case LUA_TNUMBER:
      lua_pushvalue(L, index);
      lua_tolstring(L, -1, nullptr);
      return;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, index) != 0 ? "true" : "false"); return;
    case LUA_TLIGHTUSERDATA: lua_pushstring(L, "null"); return;
    case LUA_TUSERDATA:
      lua_pushstring(L, handle_at(L, index, Handle::constant) != nullptr ? "table" : "userdata");
      return;
    default: lua_pushstring(L, luaL_typename(L, index)); return;
  }
}

int text_of(lua_State *L, Vm &vm) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "tostring: want a value");
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__tostring") == 0) {
    push_plain_text(L, 1);
  } else {
    guard_stack(vm);
    lua_insert(L, 1);
    lua_call(L, 1, 1);
  }
  return 1;
}

void push_base(lua_State *L, int from) {
  take(L, from, base_names);
  static const luaL_Reg functions[] = {{"type", library<type>},
                                       {"tostring", library<text_of>},
                                       {"getmetatable", library<getmetatable>},
                                       {"rawset", library<rawset>},
                                       {"setmetatable", library<setmetatable>},
                                       {"emit", function<emit>},
                                       {"error", error},
                                       {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  add_prelude(L, {"xpcall"});
  add_tensor_checks(L);
  add_traversal(L);
}

}  // namespace mrun
