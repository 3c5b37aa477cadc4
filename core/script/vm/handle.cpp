#include "script/vm/handle.h"

namespace mrun {

Handle &push_handle(lua_State *L, Handle::Kind kind, int metatable) {
  auto *handle = new (lua_newuserdata(L, sizeof(Handle))) Handle{kind};
  push_anchor(L, metatable);
  lua_setmetatable(L, -2);
  return *handle;
}

int collect_handle(lua_State *L) {
  Handle &handle = *static_cast<Handle *>(lua_touserdata(L, 1));
  vm_of(L).native_bytes -= handle.counted;
  vm_of(L).used -= handle.on_heap;
  Value::free(&handle.held);
  if (handle.destroy != nullptr) handle.destroy(handle.pointer);
  handle.destroy = nullptr;
  return 0;
}

void begin_metatable(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, collect_handle);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
}

}  // namespace mrun
