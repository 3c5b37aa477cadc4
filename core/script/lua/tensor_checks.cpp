#include "script/lua/tensor_checks.h"

#include "script/lua/coroutine.h"
#include "script/lua/library.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/handle.h"
#include "value/dtype.h"

namespace mrun {
namespace {

bool is_tensor_at(lua_State *L, int index) {
  const Handle *handle = handle_at(L, index);
  return is_tensor(handle) || stands_for_tensor(handle);
}

// A boolean without dimensions: x:max():gt(1). A mask of several may be one that can be absent: if mask then.
bool is_single_boolean(const Handle &handle) {
  if (!is_tensor(&handle)) return false;
  const DLTensor &t = handle.held.as.tensor.dl->dl_tensor;
  return t.ndim == 0 && t.dtype == dtype::boolean;
}

// (table, key): the key of a table of numbers or texts. Other keys are things themselves, as in a set of what was seen.
int check_key(lua_State *L, Vm &) {
  lua_settop(L, 2);
  if (!is_tensor_at(L, 2) || lua_type(L, 1) != LUA_TTABLE || luaL_getmetafield(L, 1, "__index") != 0) return 0;
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  if (!lua_isnil(L, -1)) return 0;
  if (lua_next(L, 1) == 0 || (lua_type(L, -2) != LUA_TNUMBER && lua_type(L, -2) != LUA_TSTRING)) return 0;
  fail(MRUN_SCRIPT, "{}", tensor_as_key(L, 2));
}

// (sure, value): sure of a comparison's result.
int check_condition(lua_State *L, Vm &) {
  const Handle *handle = handle_at(L, 2);
  if (handle == nullptr || !(lua_toboolean(L, 1) != 0 ? is_tensor_at(L, 2) : is_single_boolean(*handle))) return 0;
  fail(MRUN_SCRIPT,
       "a tensor in a condition is true whatever it holds, got {}: :item() is the value of one element, :any() and "
       ":all() ask of several",
       describe_lua(L, 2));
}

int check_compared(lua_State *L, Vm &) {
  if (!is_tensor_at(L, 1)) return 0;
  fail(MRUN_SCRIPT,
       "a tensor is never equal to a number, got {}: :item() is a single element's number, :eq(…) compares each",
       describe_lua(L, 1));
}

// (value, "field 'x' " or ""): LuaJIT's own words for what has no fields.
int check_indexed(lua_State *L, Vm &) {
  if (lua_type(L, 1) == LUA_TUSERDATA) return 0;
  fail(MRUN_SCRIPT, "attempt to index {}{}a {} value{}", lua_tostring(L, 2), lua_objlen(L, 2) > 0 ? "(" : "",
       luaL_typename(L, 1), lua_objlen(L, 2) > 0 ? ")" : "");
}

}  // namespace

void open_tensor_checks(lua_State *L) {
  static const luaL_Reg functions[] = {{"check_key", library<check_key>},
                                       {"check_condition", library<check_condition>},
                                       {"check_compared", library<check_compared>},
                                       {"check_indexed", library<check_indexed>},
                                       {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
}

void add_tensor_checks(lua_State *L) {
  add_prelude(L, {"\xffkey",
                  "\xff"
                  "at",
                  "\xff"
                  "condition",
                  "\xff"
                  "compared"});
}

}  // namespace mrun
