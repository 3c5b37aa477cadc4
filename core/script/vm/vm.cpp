#include "script/vm/vm.h"

#include <luajit.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "script/vm/luajit.h"

namespace mrun {
namespace {

// Bytes of native memory that come between two collections; of a small budget a quarter.
int64_t native_step(const StateOptions &o) { return std::min(int64_t{64} << 20, o.tensor_memory / 4); }

// Percent of the live heap at which a collection starts; Lua's own is 200. A dead tensor holds more memory outside the heap
// than in it, and memory that comes back soon is still in the processor's cache: calls of small operators take 15 % less.
constexpr int gc_pause = 150;

// LuaJIT does not survive running out of memory while it makes a state, so what it will ask for is there before (about 50
// blocks, the largest of 6 KB); what it does not take goes back.
class FirstBlocks {
 public:
  explicit FirstBlocks(Heap &heap) : heap_(heap) {
    for (Block &block : blocks_) {
      block.reset(std::malloc(size));
      if (block == nullptr) fail(MRUN_MEMORY, "no memory for a Lua state");
    }
  }

  // lua_Alloc.
  static void *allocate(void *self, void *block, size_t old_size, size_t wanted) {
    FirstBlocks &f = *static_cast<FirstBlocks *>(self);
    if (block != nullptr || wanted == 0 || wanted > size || f.used_ == f.blocks_.size()) {
      return Heap::allocate(&f.heap_, block, old_size, wanted);
    }
    void *const given = f.blocks_[f.used_++].release();
    f.heap_.used += static_cast<int64_t>(wanted);
    void *const smaller = std::realloc(given, Heap::room_for(wanted));
    return smaller != nullptr ? smaller : given;
  }

 private:
  static constexpr size_t size = size_t{8} << 10;
  struct Free {
    void operator()(void *block) const { std::free(block); }
  };
  using Block = std::unique_ptr<void, Free>;
  Heap &heap_;
  std::array<Block, 96> blocks_;
  size_t used_ = 0;
};

lua_State *new_state(Heap &heap) {
  FirstBlocks blocks(heap);
  lua_State *const L = lua_newstate(FirstBlocks::allocate, &blocks);
  if (L == nullptr) fail(MRUN_MEMORY, "no memory for a Lua state");
  lua_setallocf(L, Heap::allocate, &heap);
  return L;
}

}  // namespace

Vm::Vm(StateOptions o, std::span<const Opener> openers) : options(std::move(o)) {
  if (!options.shared) options.shared = std::make_shared<SharedStore>();
  setup = std::make_shared<ItemContext>();
  setup->budget = std::make_shared<Budget>(options.tensor_memory);
  native_limit = native_step(options);
  check_luajit();
  L = new_state(*this);
  try {
    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);  // hooks never fire inside compiled code
    protect([&](lua_State *l) {
      for (const Opener open : openers) {
        open(l);
        lua_settop(l, 0);
      }
    });
  } catch (...) {
    lua_close(L);
    throw;
  }
  limit = options.lua_memory;
  soft_limit = limit - limit / 4;
  lua_gc(L, LUA_GCSETPAUSE, gc_pause);
}

// Finalizers may allocate.
Vm::~Vm() {
  limit = unlimited;
  lua_close(L);
}

ItemContext &Vm::item() const { return running != nullptr ? *running : *setup; }

// A finalizer for which there is no memory is a Lua error, which nobody above may wait for.
void Vm::collect() noexcept {
  try {
    lua_gc(L, LUA_GCCOLLECT, 0);
  } catch (...) {}
}

void Vm::collect_native() {
  if (native_bytes < native_limit) return;
  collect();
  // It grows with what is alive: else a state that holds much would collect at every call.
  native_limit = native_bytes + std::max(native_step(options), native_bytes);
}

namespace {

// LuaJIT keeps what a thread throws in storage of that thread, which the C library makes at the thread's first error, and
// ends the process where it cannot. So the first error is one raised here, after a look at whether there is memory.
void make_ready_to_throw(lua_State *L) {
  thread_local bool ready = false;
  if (ready) return;
  constexpr size_t more_than_the_storage = 4096;
  ::operator delete(::operator new(more_than_the_storage));  // throws where there is none
  ready = true;
  const int top = lua_gettop(L);
  lua_cpcall(
      L, [](lua_State *l) { return lua_error(l); }, nullptr);
  lua_settop(L, top);
}

}  // namespace

void Vm::protect_raw(lua_CFunction f, void *data) {
  make_ready_to_throw(L);
  const int status = lua_cpcall(L, f, data);
  if (status == 0) return;
  const bool text = status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING;
  const std::string message = text ? lua_tostring(L, -1) : "";
  lua_pop(L, 1);
  if (status == LUA_ERRMEM) {
    collect();  // what failed has left garbage; the next must not fail for it
    throw heap_full(*this);
  }
  fail(MRUN_SCRIPT, "{}", text ? message : "an error without a text");
}

Error heap_full(const Vm &vm) {
  if (vm.limit == Heap::unlimited) return Error(MRUN_MEMORY, "out of memory");
  return Error(MRUN_MEMORY,
               fmt::format("the Lua heap is full: {} bytes are allowed (--memory; lua_memory of mrun_options)",
                           vm.options.lua_memory));
}

void guard_stack(const Vm &vm) {
  const char here = 0;
  const auto *at = &here;
  if (vm.stack_base != nullptr && static_cast<size_t>(std::abs(vm.stack_base - at)) > c_stack) {
    fail(MRUN_SCRIPT, "stack overflow: too many calls inside each other");
  }
}

void want_stack(lua_State *L, int slots, const char *what) {
  Vm &vm = vm_of(L);
  vm.refused = false;
  if (lua_checkstack(L, slots) != 0) return;
  // Where memory lacks, an older LuaJIT raises its own error, a newer one answers as for an overflow.
  if (vm.refused) throw heap_full(vm);
  fail(MRUN_SCRIPT, "stack overflow ({})", what);
}

}  // namespace mrun
