// Vm: what a State is made of. The C functions that Lua calls find it through the allocator (vm_of), so it never moves.
//
// One thread at a time has it. Lua's objects that C++ needs stand in Lua's registry (Anchors), everything else here, where
// no script can reach. A Lua error that nobody catches ends the process: outside of functions that Lua calls, whoever
// touches Lua does it inside protect.
#pragma once
#include <chrono>
#include <deque>
#include <lua.hpp>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "script/vm/arena.h"
#include "script/vm/heap.h"
#include "script/vm/options.h"
#include "value/object.h"

namespace mrun {

struct NativeOperation;
struct FiberImpl;

// Lua objects that live as long as the state, by their place in the registry.
struct Anchors {
  int tensor = 0, constant = 0, model = 0, method = 0, error = 0, task = 0;  // metatables
  int json_object = 0;                                                       // the metatable of json.object{}
  int guarded_list = 0, guarded_map = 0;                                     // those of tables which the core makes
  int tensor_methods = 0;                                                    // name -> function
  int object_types = 0;                                                      // type pointer -> metatable
  int object_methods = 0;                                                    // type name -> table of methods
  int modules = 0;                                                           // name -> what it returned
  int methods = 0;  // number of a model and its method -> function
  int params = 0;
  int models = 0;   // the first argument of forward
  int prelude = 0;  // what prelude.lua returned
  int globals = 0;  // what every script sees
  int visited = 0;  // table -> what `next` remembers of it; weak keys
  int lengths = 0;  // table -> its length as `next` began with it; weak keys
};

// Puts one part of what scripts see into a new state.
using Opener = void (*)(lua_State *);

struct Vm : Heap {
  // The openers run in this order, before the heap's limit is armed.
  Vm(StateOptions, std::span<const Opener>);
  ~Vm();
  Vm(const Vm &) = delete;
  Vm &operator=(const Vm &) = delete;

  StateOptions options;
  Anchors anchors;
  Arena arena;
  FiberImpl *fiber = nullptr;        // the one whose slice runs
  ItemContext *running = nullptr;    // its item
  const char *stack_base = nullptr;  // the C stack where the slice began
  Error raised;                      // on its way to a lua_error
  Error said;                        // of the last error that went as a text: what the text alone does not say
  std::string_view refused_script;   // where the heap last refused memory; a key of `texts`, empty where no script was
  int refused_line = 0;
  bool frozen = false;                                      // the top-level code has ended
  bool told_of_missing_key = false;                         // by the log: bridge/missing_key.h
  int missing_keys = 0;                                     // looked at for that
  std::shared_ptr<ItemContext> setup;                       // of the top-level code
  int64_t soft_limit = 0;                                   // of the Lua heap: above it the hook collects
  int64_t native_bytes = 0;                                 // behind the handles of this state
  int64_t native_limit = 0;                                 // above it a native call collects
  std::map<std::string, std::string, std::less<>> texts;    // script -> its text, for error messages
  std::vector<std::string> loading;                         // modules, outermost first
  std::map<const void *, std::string> assets;               // first byte -> path; the bundle's memory never moves
  std::deque<std::shared_ptr<NativeOperation>> operations;  // of the bridge, which alone knows what they are
  std::unique_ptr<CallHost> call_host;                      // of native calls
  // Loads module NAME, if it is not loaded yet, because a value of one of its types needs it; pushes what it returned.
  // Throws, also where no script requires it.
  void (*push_needed_module)(lua_State *, const std::string &name) = nullptr;
  // The same of the module that gives tensors their operators and methods.
  void (*push_tensor_module)(lua_State *) = nullptr;
  // What helps with an error, from what the scripts can see (hints.h).
  std::string (*with_hint)(lua_State *, std::string_view message, std::string_view line) = nullptr;
  std::string (*argument_hint)(lua_State *, std::string_view message, std::string_view line) = nullptr;
  struct Thread {
    lua_State *state = nullptr;
    int ref = LUA_NOREF;
  };
  std::vector<Thread> idle;  // finished coroutines: using one again costs less than making one
  int stages[3] = {LUA_NOREF, LUA_NOREF, LUA_NOREF};
  std::vector<int> return_lines[3];  // of the stages' functions: the lines that return

  ItemContext &item() const;
  std::chrono::steady_clock::time_point now() const {
    return options.now ? options.now() : std::chrono::steady_clock::now();
  }
  void collect() noexcept;  // at any time
  void collect_native();    // where much native memory has come since the last time
  // Runs body(L), which may use Lua as it likes, at any time. Throws what it threw; a Lua error becomes an Error.
  template <class F>
  void protect(F &&body);
  void protect_raw(lua_CFunction, void *data);
};

inline Vm &vm_of(lua_State *L) {
  void *heap = nullptr;
  lua_getallocf(L, &heap);
  return static_cast<Vm &>(*static_cast<Heap *>(heap));
}

inline void push_anchor(lua_State *L, int anchor) { lua_rawgeti(L, LUA_REGISTRYINDEX, anchor); }
inline int anchor(lua_State *L) { return luaL_ref(L, LUA_REGISTRYINDEX); }  // pops it

// Recursion that crosses C functions ends long before the thread's stack does. Throws SCRIPT "stack overflow".
void guard_stack(const Vm &);
inline constexpr size_t c_stack = 200 << 10;  // bytes

Error heap_full(const Vm &);

// Room for `slots` more values on L's stack. Throws MEMORY where the heap is full, SCRIPT "stack overflow" with `what`
// where L has more values than LuaJIT allows.
void want_stack(lua_State *L, int slots, const char *what);

template <class F>
void Vm::protect(F &&body) {
  struct Call {
    F *body;
    std::exception_ptr thrown;
  } call{&body, nullptr};
  protect_raw(
      [](lua_State *l) {
        auto *c = static_cast<Call *>(lua_touserdata(l, 1));
        lua_settop(l, 0);
        try {
          (*c->body)(l);
        } catch (const std::exception &) { c->thrown = std::current_exception(); }
        return 0;
      },
      &call);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

}  // namespace mrun
