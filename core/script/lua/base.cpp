#include "script/lua/base.h"

#include <algorithm>
#include <cstring>

#include "script/bridge/constant.h"
#include "script/bridge/convert.h"
#include "script/lua/coroutine.h"
#include "script/lua/library.h"
#include "script/vm/errors.h"
#include "script/vm/fiber.h"
#include "script/vm/frozen.h"

namespace mrun {
namespace {

constexpr const char *names[] = {"assert", "error",  "ipairs",       "pcall",   "rawequal",
                                 "rawget", "select", "setmetatable", "tonumber"};

// ---- pairs, next, ipairs and unpack: 1..n first, then the other keys in a fixed order, so that a script does the same
// every time. Numbers rise, strings come in byte order, then false and true; keys that are tables, functions or
// userdata come last, in no promised order.

struct Key {
  int rank;  // 0 number, 1 string, 2 boolean, 3 other
  double number;
  std::string_view text;
  int place;  // in the list of keys as they were found
};

bool before(const Key &a, const Key &b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.rank == 1) return a.text < b.text;
  return a.rank == 3 ? a.place < b.place : a.number < b.number;
}

Key key_at(lua_State *L, int index, int place) {
  switch (lua_type(L, index)) {
    case LUA_TNUMBER: return {0, lua_tonumber(L, index), {}, place};
    case LUA_TSTRING: {
      size_t size = 0;
      const char *data = lua_tolstring(L, index, &size);
      return {1, 0, {data, size}, place};
    }
    case LUA_TBOOLEAN: return {2, static_cast<double>(lua_toboolean(L, index)), {}, place};
    default: return {3, 0, {}, place};
  }
}

bool in_list(lua_State *L, int index, size_t length) {
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  const double n = lua_tonumber(L, index);
  return n >= 1 && n <= static_cast<double>(length) && n == static_cast<double>(static_cast<size_t>(n));
}

// Pushes a table with the keys of the table at `t` that are not 1..length, in order; nil where there are none.
void push_keys(lua_State *L, int t, size_t length) {
  lua_newtable(L);
  const int found = lua_gettop(L);
  int count = 0;
  for (lua_pushnil(L); lua_next(L, t) != 0;) {
    lua_pop(L, 1);
    if (in_list(L, -1, length)) continue;
    lua_pushvalue(L, -1);
    lua_rawseti(L, found, ++count);
  }
  if (count == 0) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  const Arena::Scope scope(vm_of(L).arena);
  Key *keys = vm_of(L).arena.make<Key>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    lua_rawgeti(L, found, i + 1);
    keys[i] = key_at(L, -1, i + 1);
    lua_pop(L, 1);
  }
  std::sort(keys, keys + count, before);
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; ++i) {
    lua_rawgeti(L, found, keys[i].place);
    lua_rawseti(L, -2, i + 1);
  }
  lua_replace(L, found);
}

// Replaces a params table or a frozen module at `index` by a plain one.
void unwrap(lua_State *L, int index, const char *function) {
  if (const Handle *handle = handle_at(L, index, Handle::constant)) {
    const auto &v = reinterpret_cast<const Value &>(handle->held);
    lua_newtable(L);
    if (v.is_list()) {
      int i = 0;
      for (const Value &item : v.as_list()) {
        if (item.is_map() || item.is_list()) {
          push_constant(L, item);
        } else {
          push_value(L, item, true);
        }
        lua_rawseti(L, -2, ++i);
      }
    } else {
      for (const Entry &e : v.as_map()) {
        lua_pushlstring(L, e.key().data(), e.key().size());
        if (e.value().is_map() || e.value().is_list()) {
          push_constant(L, e.value());
        } else {
          push_value(L, e.value(), true);
        }
        lua_rawset(L, -3);
      }
    }
    lua_replace(L, index);
  } else if (push_frozen(L, index)) {
    lua_replace(L, index);
  } else if (lua_type(L, index) != LUA_TTABLE) {
    fail(MRUN_ARGUMENT, "{}: want a table, got {}", function, describe_lua(L, index));
  }
}

// Upvalues: the table, its length, the other keys, the step reached.
int pairs_step(lua_State *L) {
  const auto length = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(2)));
  auto step = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(4)));
  lua_settop(L, 0);
  for (;;) {
    ++step;
    if (step <= length) {
      lua_pushnumber(L, static_cast<double>(step));
      lua_rawgeti(L, lua_upvalueindex(1), static_cast<int>(step));
    } else {
      if (lua_isnil(L, lua_upvalueindex(3))) return 0;
      lua_rawgeti(L, lua_upvalueindex(3), static_cast<int>(step - length));
      if (lua_isnil(L, -1)) return 0;
      lua_pushvalue(L, -1);
      lua_rawget(L, lua_upvalueindex(1));
    }
    if (!lua_isnil(L, -1)) break;  // removed since
    lua_settop(L, 0);
  }
  lua_pushnumber(L, static_cast<double>(step));
  lua_replace(L, lua_upvalueindex(4));
  return 2;
}

int pairs(lua_State *L, Vm &) {
  lua_settop(L, 1);
  unwrap(L, 1, "pairs");
  const size_t length = lua_objlen(L, 1);
  lua_pushvalue(L, 1);
  lua_pushnumber(L, static_cast<double>(length));
  push_keys(L, 1, length);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, pairs_step, 4);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

// The keys of the table that `next` visits, kept between its calls in a table with weak values: t, keys, and the
// reverse of keys.
int next_other(lua_State *L, Vm &vm, size_t length) {
  push_anchor(L, vm.anchors.last_next);
  const int cache = lua_gettop(L);
  lua_rawgeti(L, cache, 1);
  const bool known = lua_rawequal(L, -1, 1) != 0;
  lua_rawgeti(L, cache, 2);
  lua_rawgeti(L, cache, 3);
  const bool from_list = lua_isnil(L, 2) || in_list(L, 2, length);
  const auto place_of = [&](int places) {
    lua_pushvalue(L, 2);
    lua_rawget(L, places);
    const int place = static_cast<int>(lua_tointeger(L, -1));
    lua_pop(L, 1);
    return place;
  };
  int place = 0;
  if (!known || from_list || lua_isnil(L, -1) || (place = place_of(cache + 3)) == 0) {
    lua_settop(L, cache);
    push_keys(L, 1, length);
    if (lua_isnil(L, -1)) return 0;
    const int keys = cache + 1, count = static_cast<int>(lua_objlen(L, keys));
    lua_createtable(L, 0, count);
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(L, keys, i);
      lua_pushinteger(L, i);
      lua_rawset(L, -3);
    }
    lua_pushvalue(L, 1);
    lua_rawseti(L, cache, 1);
    lua_pushvalue(L, keys);
    lua_rawseti(L, cache, 2);
    lua_pushvalue(L, keys + 1);
    lua_rawseti(L, cache, 3);
    if (!from_list && (place = place_of(keys + 1)) == 0) fail(MRUN_SCRIPT, "next: the table has no such key");
  } else {
    lua_remove(L, cache + 1);  // keys are at cache + 1, as above
  }
  for (;;) {
    lua_rawgeti(L, cache + 1, ++place);
    if (lua_isnil(L, -1)) return 0;
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    if (!lua_isnil(L, -1)) return 2;
    lua_pop(L, 2);
  }
}

int next(lua_State *L, Vm &vm) {
  lua_settop(L, 2);
  unwrap(L, 1, "next");
  const size_t length = lua_objlen(L, 1);
  if (lua_isnil(L, 2) || in_list(L, 2, length)) {
    for (auto i = static_cast<size_t>(lua_tonumber(L, 2)) + 1; i <= length; ++i) {
      lua_pushnumber(L, static_cast<double>(i));
      lua_rawgeti(L, 1, static_cast<int>(i));
      if (!lua_isnil(L, -1)) return 2;
      lua_pop(L, 2);
    }
  }
  if (next_other(L, vm, length) == 2) return 2;
  lua_pushnil(L);
  return 1;
}

int ipairs_step(lua_State *L, Vm &) {
  const auto i = static_cast<lua_Integer>(lua_tonumber(L, 2)) + 1;
  lua_pushinteger(L, i);
  lua_pushinteger(L, i);
  lua_gettable(L, 1);
  return lua_isnil(L, -1) ? 0 : 2;
}

// Upvalue 1: LuaJIT's own.
int ipairs(lua_State *L, Vm &) {
  if (lua_type(L, 1) == LUA_TTABLE && !push_frozen(L, 1)) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  if (handle_at(L, 1, Handle::constant) == nullptr && lua_type(L, 1) != LUA_TTABLE) {
    fail(MRUN_ARGUMENT, "ipairs: want a table, got {}", describe_lua(L, 1));
  }
  lua_pushcfunction(L, function<ipairs_step>);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

int unpack(lua_State *L, Vm &) {
  unwrap(L, 1, "unpack");
  const int64_t first = lua_isnoneornil(L, 2) ? 1 : want_int(L, 2, "unpack", "first");
  const int64_t last =
      lua_isnoneornil(L, 3) ? static_cast<int64_t>(lua_objlen(L, 1)) : want_int(L, 3, "unpack", "last");
  if (first > last) return 0;
  if (last - first >= 7000) fail(MRUN_SCRIPT, "unpack: too many results");
  want_stack(L, static_cast<int>(last - first) + 2, "too many results");
  for (int64_t i = first; i <= last; ++i) {
    lua_pushnumber(L, static_cast<double>(i));
    lua_rawget(L, 1);
  }
  return static_cast<int>(last - first) + 1;
}

// ---- values

int type(lua_State *L, Vm &) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "type: want a value");
  lua_pushstring(L, handle_at(L, 1, Handle::constant) != nullptr ? "table" : luaL_typename(L, 1));
  return 1;
}

int getmetatable(lua_State *L, Vm &) {
  if (lua_type(L, 1) != LUA_TTABLE || lua_getmetatable(L, 1) == 0) return 0;
  lua_pushstring(L, "__metatable");
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 1;
  }
  return lua_type(L, -1) == LUA_TBOOLEAN ? 0 : 1;
}

int rawset(lua_State *L, Vm &) {
  lua_settop(L, 3);
  if (lua_type(L, 1) != LUA_TTABLE || push_frozen(L, 1)) {
    fail(MRUN_ARGUMENT, "rawset: want a table of your own, got {}", describe_lua(L, 1));
  }
  if (lua_isnil(L, 2)) fail(MRUN_ARGUMENT, "rawset: the key is nil");
  if (lua_type(L, 2) == LUA_TNUMBER && lua_tonumber(L, 2) != lua_tonumber(L, 2)) {
    fail(MRUN_ARGUMENT, "rawset: the key is NaN");
  }
  lua_rawset(L, 1);
  return 1;
}

int emit(lua_State *L, Vm &vm) {
  FiberImpl &fiber = *vm.fiber;
  if (!fiber.emits) fail(MRUN_SCRIPT, "emit is for forward and postprocess, this is {}", fiber.stage);
  Value v = to_value(L, 1, "what emit was given");
  if (fiber.emit) fiber.emit(std::move(v));
  return 0;
}

}  // namespace

int text_of(lua_State *L, Vm &vm) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "tostring: want a value");
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__tostring") != 0) {
    guard_stack(vm);
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    if (lua_type(L, -1) != LUA_TSTRING) fail(MRUN_SCRIPT, "tostring: __tostring must return a string");
    return 1;
  }
  switch (lua_type(L, 1)) {
    case LUA_TSTRING: return 1;
    case LUA_TNUMBER: lua_tolstring(L, 1, nullptr); return 1;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, 1) != 0 ? "true" : "false"); return 1;
    case LUA_TLIGHTUSERDATA: lua_pushstring(L, "null"); return 1;
    case LUA_TUSERDATA:
      lua_pushstring(L, handle_at(L, 1, Handle::constant) != nullptr ? "table" : "userdata");
      return 1;
    default: lua_pushstring(L, luaL_typename(L, 1)); return 1;
  }
}

void push_base(lua_State *L, int from) {
  take(L, from, names);
  lua_getfield(L, -1, "ipairs");
  lua_pushcclosure(L, function<ipairs>, 1);
  lua_setfield(L, -2, "ipairs");
  static const luaL_Reg functions[] = {
      {"pairs", function<pairs>},   {"next", function<next>},        {"unpack", function<unpack>},
      {"type", function<type>},     {"tostring", function<text_of>}, {"getmetatable", function<getmetatable>},
      {"rawset", function<rawset>}, {"emit", function<emit>},        {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  add_prelude(L, {"xpcall"});
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  vm_of(L).anchors.last_next = anchor(L);
}

}  // namespace mrun
