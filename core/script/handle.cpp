#include "script/handle.h"

#include "script/task.h"

namespace mrun {

Handle &push_handle(lua_State *L, Handle::Kind kind, int metatable) {
  auto *handle = new (lua_newuserdata(L, sizeof(Handle))) Handle{kind};
  push_anchor(L, metatable);
  lua_setmetatable(L, -2);
  return *handle;
}

namespace {

// Mapped memory is nobody's allocation; what a script can write, or made, is counted.
void count_tensor(Host &h, Handle &handle) {
  if ((handle.held.flags & MRUN_READONLY) != 0) return;
  const DLTensor &t = handle.held.as.tensor.dl->dl_tensor;
  handle.counted = static_cast<int64_t>(item_size(t.dtype));
  for (int32_t i = 0; i < t.ndim; ++i) handle.counted *= t.shape[i];
  h.native_bytes += handle.counted;
}

}  // namespace

void push_tensor(lua_State *L, const mrun_value &v, bool readonly) {
  Host &h = host_of(L);
  Handle &handle = push_handle(L, Handle::value, h.anchors.tensor);
  handle.held = Value::copy(v).release();
  if (readonly) handle.held.flags |= MRUN_READONLY;
  count_tensor(h, handle);
}

void settle(lua_State *L, int index) {
  Host &h = host_of(L);
  Handle &handle = *handle_at(L, index);
  TaskCall call(h.item(), nullptr, nullptr);
  Tensor tensor = tensor_of(*handle.held.as.object, call);
  const Value object = Value::adopt(handle.held);  // goes when the handle is the tensor's
  handle.held = tensor.release();
  count_tensor(h, handle);
  lua_pushvalue(L, index);
  push_anchor(L, h.anchors.tensor);
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

int collect_handle(lua_State *L) {
  Handle &handle = *static_cast<Handle *>(lua_touserdata(L, 1));
  host_of(L).native_bytes -= handle.counted;
  Value::free(&handle.held);
  if (handle.pointer != nullptr) {
    switch (handle.kind) {
      case Handle::error: delete static_cast<Error *>(handle.pointer); break;
      case Handle::task: delete static_cast<Task *>(handle.pointer); break;
      default: break;
    }
  }
  handle.pointer = nullptr;
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
