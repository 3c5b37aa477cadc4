// Params: maps and lists that behave as read-only tables. They are userdata, since Lua 5.1 has no __len for tables and
// a table could be written to; `type` says "table", and every library function takes them as such.
#include "script/bridge/constant.h"

#include "script/bridge/convert.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

int push_constant_element(lua_State *L, const mrun_value &v) {
  if (v.kind == MRUN_MAP || v.kind == MRUN_LIST) {
    push_constant(L, reinterpret_cast<const Value &>(v));
  } else {
    push_value(L, v, true);
  }
  return 1;
}

int constant_index(lua_State *L, Vm &) {
  const auto &v = reinterpret_cast<const Value &>(handle_at(L, 1)->held);
  if (is_tensor(handle_at(L, 2))) fail(MRUN_SCRIPT, "{}", tensor_as_key(L, 2));
  if (v.is_map() && lua_type(L, 2) == LUA_TSTRING) {
    const Value *found = v.find(want_string(L, 2, "params", "key"));
    return found != nullptr ? push_constant_element(L, found->c()) : 0;
  }
  if (v.is_list() && lua_type(L, 2) == LUA_TNUMBER) {
    const double place = lua_tonumber(L, 2);
    const auto items = v.as_list();
    if (place == 0 && !items.empty()) fail(MRUN_SCRIPT, "{}", no_item_0);
    if (place >= 1 && place <= static_cast<double>(items.size()) &&
        place == static_cast<double>(static_cast<size_t>(place))) {
      return push_constant_element(L, items[static_cast<size_t>(place) - 1].c());
    }
  }
  return 0;
}

int constant_set(lua_State *, Vm &) { fail(MRUN_SCRIPT, "params are read-only; copy what is to be changed"); }

int constant_length(lua_State *L, Vm &) {
  const mrun_value &v = handle_at(L, 1)->held;
  lua_pushinteger(L, v.kind == MRUN_LIST ? static_cast<lua_Integer>(v.as.list.size) : 0);
  return 1;
}

int constant_equal(lua_State *L, Vm &) {
  const Handle *a = handle_at(L, 1, Handle::constant), *b = handle_at(L, 2, Handle::constant);
  lua_pushboolean(L, a != nullptr && b != nullptr && a->held.owner == b->held.owner);
  return 1;
}

}  // namespace

void push_constant(lua_State *L, const Value &v) {
  push_handle(L, Handle::constant, vm_of(L).anchors.constant).held = Value(v).release();
}

void open_constants(lua_State *L) {
  begin_metatable(L);
  static const luaL_Reg entries[] = {{"__index", function<constant_index>},
                                     {"__newindex", function<constant_set>},
                                     {"__len", function<constant_length>},
                                     {"__eq", function<constant_equal>},
                                     {nullptr, nullptr}};
  luaL_register(L, nullptr, entries);
  vm_of(L).anchors.constant = anchor(L);
}

}  // namespace mrun
