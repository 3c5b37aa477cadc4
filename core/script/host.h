// Host: what a State is made of, shared by this folder's files. The C functions that Lua calls find it through the
// allocator (host_of).
//
// How errors cross: a function for Lua is a C++ body that throws Error; function<body> catches it and raises it as a
// Lua error once the body's frames are gone. Lua's own errors (out of memory, mostly) may pass the frames of a body:
// LuaJIT unwinds by the platform's unwinder, so destructors run (tests/unit/script/unwind.cpp). They never pass a
// plugin's.
#pragma once
#include <chrono>
#include <deque>
#include <lua.hpp>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "script/arena.h"
#include "script/heap.h"
#include "script/state.h"
#include "value/object.h"

namespace mrun {

struct NativeOperation;
struct Task;
class Callbacks;

// Lua objects that live as long as the state, by their place in the registry.
struct Anchors {
  int tensor = 0, constant = 0, model = 0, method = 0, error = 0, task = 0;  // metatables
  int json_object = 0;                                                       // the metatable of json.object{}
  int tensor_methods = 0;                                                    // name -> function
  int object_types = 0;                                                      // type pointer -> metatable
  int object_methods = 0;                                                    // type name -> table of methods
  int modules = 0;                                                           // name -> what it returned
  int methods = 0;                                                           // model * 4096 + method -> function
  int params = 0;
  int models = 0;     // the first argument of forward
  int prelude = 0;    // what prelude.lua returned
  int globals = 0;    // what every script sees
  int last_next = 0;  // the table that `next` visits
};

struct Host : Heap {
  explicit Host(StateOptions);
  ~Host();
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;

  StateOptions options;
  Anchors anchors;
  Arena arena;
  FiberImpl *fiber = nullptr;                             // the one whose slice runs
  const char *stack_base = nullptr;                       // the C stack where the slice began
  Error raised;                                           // on its way to a lua_error
  bool frozen = false;                                    // the top-level code has ended
  std::shared_ptr<ItemContext> setup;                     // of the top-level code
  int64_t soft_limit = 0;                                 // of the Lua heap: above it the hook collects
  int64_t native_bytes = 0;                               // behind the handles of this state
  int64_t native_limit = 0;                               // above it a native call collects
  std::map<std::string, std::string, std::less<>> texts;  // script -> its text, for error messages
  std::vector<std::string> loading;                       // modules, outermost first
  std::set<std::string> sharing;                          // names of bundle.shared
  std::map<const void *, std::string> assets;             // first byte -> path
  std::deque<std::unique_ptr<NativeOperation>> operations;
  std::unique_ptr<Callbacks> callbacks;
  struct Thread {
    lua_State *state = nullptr;
    int ref = LUA_NOREF;
  };
  std::vector<Thread> idle;  // finished coroutines
  int stages[3] = {LUA_NOREF, LUA_NOREF, LUA_NOREF};
  int return_lines[3] = {};  // of the stages' functions, where they return in one place only

  ItemContext &item() const;
  void collect();
  void collect_native();  // where much native memory has come since the last time
  // Runs body(L), which may use Lua as it likes, at any time. Throws what it threw; a Lua error becomes an Error.
  template <class F>
  void protect(F &&body);
  void protect_raw(lua_CFunction, void *data);
};

inline Host &host_of(lua_State *L) {
  void *heap = nullptr;
  lua_getallocf(L, &heap);
  return static_cast<Host &>(*static_cast<Heap *>(heap));
}

inline void push_anchor(lua_State *L, int anchor) { lua_rawgeti(L, LUA_REGISTRYINDEX, anchor); }
inline int anchor(lua_State *L) { return luaL_ref(L, LUA_REGISTRYINDEX); }  // pops it

void note(Host &, const std::exception &);  // host.raised = it
int raise(lua_State *);                     // host.raised as a Lua error

template <int (*body)(lua_State *, Host &)>
int function(lua_State *L) {
  int results = -1;
  Host &h = host_of(L);
  try {
    results = body(L, h);
  } catch (const std::exception &e) { note(h, e); }
  return results >= 0 ? results : raise(L);
}

// Recursion that crosses C functions ends long before the thread's stack does. Throws SCRIPT "stack overflow".
void guard_stack(const Host &);
inline constexpr size_t c_stack = 200 << 10;  // bytes

// Room for `slots` more values on L's stack. Throws MEMORY where the heap is full, SCRIPT "stack overflow" with `what`
// where L has more values than LuaJIT allows.
void want_stack(lua_State *L, int slots, const char *what);

template <class F>
void Host::protect(F &&body) {
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
