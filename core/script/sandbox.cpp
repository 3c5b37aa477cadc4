// What a script can name. LuaJIT's libraries are opened once, what is harmless is taken from them by name, and the rest
// is dropped with the tables it lay in.
#include "script/convert.h"
#include "script/fiber.h"
#include "script/model_call.h"
#include "script/native.h"
#include "script/task.h"
#include "script/wrap.h"

extern const char mrun_script_prelude[];

namespace mrun {
namespace {

// Its address is a key and a tag that no script can make.
const char frozen_key = 0;
const char user_tag = 0;

constexpr const char *base_names[] = {"assert", "error",  "ipairs",       "pcall",   "rawequal",
                                      "rawget", "select", "setmetatable", "tonumber"};
constexpr const char *math_names[] = {"abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh", "deg", "exp",
                                      "floor", "fmod", "frexp", "huge", "ldexp", "log",  "log10", "max",  "min", "modf",
                                      "pi",    "pow",  "rad",   "sin",  "sinh",  "sqrt", "tan",   "tanh"};
constexpr const char *string_names[] = {"byte", "char", "format", "len", "lower", "rep", "reverse", "sub", "upper"};
constexpr const char *table_names[] = {"concat", "maxn", "move"};
constexpr const char *bit_names[] = {"arshift", "band", "bnot", "bor",    "bswap", "bxor",
                                     "lshift",  "rol",  "ror",  "rshift", "tobit", "tohex"};
constexpr const char *coroutine_names[] = {"create", "status"};

// A new table with these fields of the table at `from`; on top of the stack.
template <size_t n>
void take(lua_State *L, int from, const char *const (&names)[n]) {
  lua_newtable(L);
  for (const char *name : names) {
    lua_getfield(L, from, name);
    lua_setfield(L, -2, name);
  }
}

void open(lua_State *L, lua_CFunction library, const char *name) {
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

// ---- functions in place of LuaJIT's

int type(lua_State *L, Host &) {
  if (lua_gettop(L) == 0) fail(MRUN_ARGUMENT, "type: want a value");
  lua_pushstring(L, handle_at(L, 1, Handle::constant) != nullptr ? "table" : luaL_typename(L, 1));
  return 1;
}

int getmetatable(lua_State *L, Host &) {
  if (lua_type(L, 1) != LUA_TTABLE || lua_getmetatable(L, 1) == 0) return 0;
  lua_pushstring(L, "__metatable");
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 1;
  }
  return lua_type(L, -1) == LUA_TBOOLEAN ? 0 : 1;
}

int rawset(lua_State *L, Host &) {
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

int running(lua_State *L, Host &h) {
  if (h.fiber != nullptr && L == h.fiber->co()) return 0;
  lua_pushthread(L);
  return 1;
}

int check_yield(lua_State *L, Host &h) {
  if (h.fiber != nullptr && L == h.fiber->co()) fail(MRUN_SCRIPT, "coroutine.yield outside of a coroutine");
  if (lua_isyieldable(L) == 0) {
    fail(MRUN_SCRIPT, "a coroutine cannot yield inside table.sort, string.gsub, tostring or require");
  }
  return 0;
}

int guard(lua_State *, Host &h) {
  guard_stack(h);
  return 0;
}

int emit(lua_State *L, Host &h) {
  FiberImpl &fiber = *h.fiber;
  if (!fiber.emits) fail(MRUN_SCRIPT, "emit is for forward and postprocess, this is {}", fiber.stage);
  Value v = to_value(L, 1, "what emit was given");
  if (fiber.emit) fiber.emit(std::move(v));
  return 0;
}

int set_frozen(lua_State *L, Host &) {
  const std::string key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : describe_lua(L, 2);
  fail(MRUN_SCRIPT, "a library or module is read-only: '{}' cannot be set", key);
}

// Upvalue 1: where the file's globals lie.
int set_global(lua_State *L, Host &h) {
  if (h.frozen) {
    const std::string key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : describe_lua(L, 2);
    fail(MRUN_SCRIPT, "global '{}' is set after the top-level code has ended: globals are constants then; use a local",
         key);
  }
  lua_settop(L, 3);
  lua_rawset(L, lua_upvalueindex(1));
  return 0;
}

// ---- the tables

void make_prelude(lua_State *L, int globals) {
  if (luaL_loadbuffer(L, mrun_script_prelude, std::char_traits<char>::length(mrun_script_prelude), "=[mrun]") != 0) {
    fail(MRUN_INTERNAL, "the prelude does not compile: {}", lua_tostring(L, -1));
  }
  lua_newtable(L);
  lua_getfield(L, globals, "coroutine");
  for (const char *name : {"resume", "yield", "create", "status"}) {
    lua_getfield(L, -1, name);
    lua_setfield(L, -3, name);
  }
  lua_pop(L, 1);
  for (const char *name : {"pcall", "error"}) {
    lua_getfield(L, globals, name);
    lua_setfield(L, -2, name);
  }
  lua_pushlightuserdata(L, const_cast<char *>(&user_tag));
  lua_setfield(L, -2, "user");
  static const luaL_Reg functions[] = {{"guard", function<guard>},
                                       {"check_yield", function<check_yield>},
                                       {"task_start", function<task_start>},
                                       {"task_awaited", function<task_awaited>},
                                       {"task_arguments", function<task_arguments>},
                                       {"task_deliver", function<task_deliver>},
                                       {"task_resume", function<task_resume>},
                                       {"task_results", function<task_results>},
                                       {"model_begin", function<model_begin>},
                                       {"model_results", function<model_results>},
                                       {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  lua_call(L, 1, 1);
  host_of(L).anchors.prelude = anchor(L);
}

// Fields of the prelude into the table on top of the stack.
void add_prelude(lua_State *L, std::initializer_list<const char *> names) {
  push_anchor(L, host_of(L).anchors.prelude);
  for (const char *name : names) {
    lua_getfield(L, -1, name);
    lua_setfield(L, -3, name);
  }
  lua_pop(L, 1);
}

void set_library(lua_State *L, int into, const char *name) {
  freeze(L);
  lua_setfield(L, into, name);
}

void add_string(lua_State *L, int globals, int into) {
  lua_getfield(L, globals, "string");
  take(L, lua_gettop(L), string_names);
  add_patterns(L);
  add_format(L);
  lua_remove(L, -2);
  lua_pushliteral(L, "");  // strings' own methods
  lua_getmetatable(L, -1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
  set_library(L, into, "string");
}

void add_libraries(lua_State *L, int globals, int into) {
  add_string(L, globals, into);
  lua_getfield(L, globals, "table");
  take(L, lua_gettop(L), table_names);
  add_sort(L);
  set_library(L, into, "table");
  lua_getfield(L, globals, "math");
  take(L, lua_gettop(L), math_names);
  add_random(L);
  set_library(L, into, "math");
  lua_getfield(L, globals, "bit");
  take(L, lua_gettop(L), bit_names);
  set_library(L, into, "bit");
  lua_getfield(L, globals, "coroutine");
  take(L, lua_gettop(L), coroutine_names);
  add_prelude(L, {"resume", "wrap", "yield"});
  lua_pushcfunction(L, function<running>);
  lua_setfield(L, -2, "running");
  set_library(L, into, "coroutine");
  lua_settop(L, into);
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

void freeze_table(lua_State *L, int level) {
  luaL_checkstack(L, 8, "a module has too many levels");
  if (level < 4) freeze_fields(L, level);
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, function<set_frozen>);
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

void push_environment(lua_State *L, bool std) {
  push_anchor(L, host_of(L).anchors.globals);
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
  lua_pushcclosure(L, function<set_global>, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_replace(L, globals);
  lua_settop(L, globals);
}

void open_sandbox(lua_State *L) {
  open(L, luaopen_base, "");
  open(L, luaopen_string, LUA_STRLIBNAME);
  open(L, luaopen_table, LUA_TABLIBNAME);
  open(L, luaopen_math, LUA_MATHLIBNAME);
  open(L, luaopen_bit, LUA_BITLIBNAME);
  lua_settop(L, 0);
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  const int globals = 1;
  make_prelude(L, globals);
  take(L, globals, base_names);
  const int into = 2;
  add_pairs(L);
  add_prelude(L, {"xpcall"});
  static const luaL_Reg functions[] = {{"type", function<type>},
                                       {"tostring", function<text_of>},
                                       {"getmetatable", function<getmetatable>},
                                       {"rawset", function<rawset>},
                                       {"require", function<require>},
                                       {"emit", function<emit>},
                                       {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  add_libraries(L, globals, into);
  host_of(L).anchors.globals = anchor(L);
  clear(L, globals);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_settop(L, 0);
}

}  // namespace mrun
