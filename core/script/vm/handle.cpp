#include "script/vm/handle.h"

namespace mrun {

Handle &push_handle(lua_State *L, Handle::Kind kind, int metatable) {
  auto *handle = new (lua_newuserdata(L, sizeof(Handle))) Handle{kind};
  push_anchor(L, metatable);
  lua_setmetatable(L, -2);
  return *handle;
}

void count_native(Vm &vm, Handle &handle, int64_t bytes) {
  constexpr uint32_t blocks = 600;  // of the smallest tensor: 400 to 800 here and in libtorch
  const auto has_room = [&] { return blocks <= vm.limit - vm.used; };
  if (handle.on_heap == 0) {
    if (!has_room()) vm.collect();
    if (!has_room()) {
      vm.overflowed = true;
      throw heap_full(vm);
    }
    vm.used += handle.on_heap = blocks;
  }
  vm.native_bytes += bytes - handle.counted;
  handle.counted = bytes;
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
