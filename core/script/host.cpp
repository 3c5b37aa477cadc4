#include "script/host.h"

#include <luajit.h>

#include "script/callback.h"
#include "script/convert.h"
#include "script/errors.h"
#include "script/fiber.h"
#include "script/hook.h"
#include "script/native.h"
#include "script/task.h"
#include "script/wrap.h"

namespace mrun {
namespace {

constexpr int64_t native_step = int64_t{64} << 20;
// Percent of the live heap at which a collection starts; Lua's own is 200. A dead tensor holds more memory outside the heap
// than in it, and memory that comes back soon is still in the processor's cache: calls of small operators take 15 % less.
constexpr int gc_pause = 150;

void set_up(Host &h, lua_State *L) {
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);  // hooks never fire inside compiled code
  begin_metatable(L);
  h.anchors.json_object = anchor(L);
  lua_newtable(L);
  h.anchors.object_types = anchor(L);
  lua_newtable(L);
  h.anchors.object_methods = anchor(L);
  lua_newtable(L);
  h.anchors.modules = anchor(L);
  make_error_metatable(L);
  make_constant_metatable(L);
  make_task_metatable(L);
  open_sandbox(L);
  make_tensor_metatable(L);
  make_model_metatables(L);
  make_vocabulary_metatable(L);
  push_models(L);
  h.anchors.models = anchor(L);
  push_constant(L, h.options.params.is_map() ? h.options.params : Value::map({}));
  h.anchors.params = anchor(L);
}

}  // namespace

Host::Host(StateOptions o) : options(std::move(o)) {
  callbacks = std::make_unique<Callbacks>(*this);
  if (!options.shared) options.shared = std::make_shared<SharedStore>();
  setup = std::make_shared<ItemContext>();
  setup->budget = std::make_shared<Budget>(options.tensor_memory);
  native_limit = native_step;
  L = lua_newstate(Heap::allocate, static_cast<Heap *>(this));
  if (L == nullptr) fail(MRUN_MEMORY, "no memory for a Lua state");
  try {
    protect([&](lua_State *l) { set_up(*this, l); });
  } catch (...) {
    lua_close(L);
    throw;
  }
  limit = options.lua_memory;
  soft_limit = limit - limit / 4;
  lua_gc(L, LUA_GCSETPAUSE, gc_pause);
  install_hook(L);
}

Host::~Host() {
  limit = unlimited;
  lua_close(L);
}

ItemContext &Host::item() const { return fiber != nullptr ? *fiber->item : *setup; }

void Host::collect() { lua_gc(L, LUA_GCCOLLECT, 0); }

void Host::collect_native() {
  if (native_bytes < native_limit) return;
  collect();
  native_limit = native_bytes + std::max(native_step, native_bytes);
}

void Host::protect_raw(lua_CFunction f, void *data) {
  const int status = lua_cpcall(L, f, data);
  if (status == 0) return;
  const bool text = status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING;
  const std::string message = text ? lua_tostring(L, -1) : "";
  lua_pop(L, 1);
  if (status == LUA_ERRMEM) {
    collect();
    throw heap_full(*this);
  }
  fail(MRUN_SCRIPT, "{}", text ? message : "an error without a text");
}

void guard_stack(const Host &h) {
  const char here = 0;
  const auto *at = &here;
  if (h.stack_base != nullptr && static_cast<size_t>(std::abs(h.stack_base - at)) > c_stack) {
    fail(MRUN_SCRIPT, "stack overflow: too many calls inside each other");
  }
}

void want_stack(lua_State *L, int slots, const char *what) {
  Host &h = host_of(L);
  h.refused = false;
  if (lua_checkstack(L, slots) != 0) return;
  // Where memory lacks, an older LuaJIT raises its own error, a newer one answers as for an overflow.
  if (h.refused) throw heap_full(h);
  fail(MRUN_SCRIPT, "stack overflow ({})", what);
}

}  // namespace mrun
