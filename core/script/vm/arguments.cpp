#include "script/vm/arguments.h"

#include <cmath>
#include <mrun/message.hpp>

#include "script/vm/handle.h"
#include "script/vm/input_handles.h"

namespace mrun {

std::string describe_lua(lua_State *L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL: return "nil";
    case LUA_TBOOLEAN: return lua_toboolean(L, index) != 0 ? "true" : "false";
    case LUA_TNUMBER: return fmt::format("the number {}", lua_tonumber(L, index));
    case LUA_TSTRING: {
      const size_t size = lua_objlen(L, index);
      return "a string of " + counted(size, "byte");
    }
    case LUA_TUSERDATA: {
      const Handle &h = *handle_at(L, index);
      if (is_gone(&h)) return gone_text;
      if (h.kind == Handle::value || h.kind == Handle::constant) return describe(h.held);
      static const char *const names[] = {"a value", "a constant", "a model", "a model's method", "an error", "a task"};
      return names[h.kind];
    }
    case LUA_TLIGHTUSERDATA: return "json.null";
    case LUA_TTABLE: return "a table";
    default: return fmt::format("a {}", lua_typename(L, lua_type(L, index)));
  }
}

std::string tensor_as_key(lua_State *L, int index) {
  return fmt::format("a tensor is no key: want a number or string, got {}; t:item() is a single element's number",
                     describe_lua(L, index));
}

namespace {

[[noreturn]] void wrong(lua_State *L, int index, const char *function, const char *name, const char *wanted) {
  Error e(MRUN_ARGUMENT, fmt::format("{}: {}: want {}, got {}", function, name, wanted, describe_lua(L, index)));
  e.argument = name;
  throw e;
}

}  // namespace

std::string_view want_string(lua_State *L, int index, const char *function, const char *name) {
  if (lua_type(L, index) != LUA_TSTRING) wrong(L, index, function, name, "a string");
  size_t size = 0;
  const char *data = lua_tolstring(L, index, &size);
  return {data, size};
}

double want_number(lua_State *L, int index, const char *function, const char *name) {
  if (lua_isnumber(L, index) == 0) wrong(L, index, function, name, "a number");  // "10" is one, as in all of Lua
  return lua_tonumber(L, index);
}

int64_t want_int(lua_State *L, int index, const char *function, const char *name) {
  const double d = want_number(L, index, function, name);
  if (d != std::floor(d) || std::fabs(d) > exact_int) wrong(L, index, function, name, "an integer");
  return static_cast<int64_t>(d);
}

}  // namespace mrun
