#include "script/lua/coroutine.h"

#include "script/bridge/model.h"
#include "script/bridge/task.h"
#include "script/lua/library.h"
#include "script/lua/tensor_checks.h"
#include "script/vm/errors.h"

extern const char mrun_script_prelude[];

namespace mrun {
namespace {

constexpr const char *taken[] = {"create", "status"};

// Its address is a tag that no script can make.
const char user_tag = 0;

int running(lua_State *L, Vm &vm) {
  if (vm.fiber != nullptr && L == vm.fiber->co()) return 0;
  lua_pushthread(L);
  return 1;
}

int check_yield(lua_State *L, Vm &vm) {
  if (vm.fiber != nullptr && L == vm.fiber->co()) fail(MRUN_SCRIPT, "coroutine.yield outside of a coroutine");
  if (lua_isyieldable(L) == 0) {
    fail(MRUN_SCRIPT, "a coroutine cannot yield inside table.sort, string.gsub, tostring or require");
  }
  return 0;
}

int guard(lua_State *L, Vm &vm) {
  if (lua_type(L, 1) != LUA_TTHREAD)
    fail(MRUN_ARGUMENT, "coroutine.resume: want a coroutine, got {}", describe_lua(L, 1));
  guard_stack(vm);
  return 0;
}

// A model can be called, but is no function.
int check_body(lua_State *L, Vm &) {
  const int type = lua_type(L, 1);
  if (type == LUA_TFUNCTION) return 0;
  const bool callable = luaL_getmetafield(L, 1, "__call") != 0;
  fail(MRUN_ARGUMENT, "coroutine.wrap: want a function, got {}{}", describe_lua(L, 1),
       callable ? "; function(...) return f(...) end is one that calls it" : "");
}

int check_handler(lua_State *L, Vm &) {
  if (lua_type(L, 1) != LUA_TFUNCTION) {
    fail(MRUN_ARGUMENT, "xpcall: want a function that handles errors as second argument, got {}", describe_lua(L, 1));
  }
  return 0;
}

}  // namespace

void open_prelude(lua_State *L, int globals) {
  const size_t size = std::char_traits<char>::length(mrun_script_prelude);
  const int status = luaL_loadbuffer(L, mrun_script_prelude, size, "=[mrun]");
  if (status == LUA_ERRMEM) throw heap_full(vm_of(L));
  if (status != 0) { fail(MRUN_INTERNAL, "the prelude does not compile: {}", lua_tostring(L, -1)); }
  lua_newtable(L);
  lua_getfield(L, globals, "coroutine");
  for (const char *name : {"resume", "yield", "create", "status"}) {
    lua_getfield(L, -1, name);
    lua_setfield(L, -3, name);
  }
  lua_pop(L, 1);
  for (const char *name : {"pcall", "error", "type"}) {
    lua_getfield(L, globals, name);
    lua_setfield(L, -2, name);
  }
  lua_pushlightuserdata(L, const_cast<char *>(&user_tag));
  lua_setfield(L, -2, "user");
  static const luaL_Reg functions[] = {{"guard", library<guard>},
                                       {"check_yield", library<check_yield>},
                                       {"check_body", library<check_body>},
                                       {"check_handler", library<check_handler>},
                                       {"task_start", function<task_start>},
                                       {"task_awaited", function<task_awaited>},
                                       {"task_arguments", function<task_arguments>},
                                       {"task_deliver", function<task_deliver>},
                                       {"task_resume", function<task_resume>},
                                       {"task_results", function<task_results>},
                                       {"model_begin", function<model_begin>},
                                       {"model_results", function<model_results>},
                                       {nullptr, nullptr}};
  luaL_register(L, nullptr, functions);
  open_tensor_checks(L);
  lua_call(L, 1, 1);
  vm_of(L).anchors.prelude = anchor(L);
}

void add_prelude(lua_State *L, std::initializer_list<const char *> names) {
  push_anchor(L, vm_of(L).anchors.prelude);
  for (const char *name : names) {
    lua_getfield(L, -1, name);
    lua_setfield(L, -3, name);
  }
  lua_pop(L, 1);
}

void push_coroutine(lua_State *L, int from) {
  take(L, from, taken);
  add_prelude(L, {"resume", "wrap", "yield"});
  lua_pushcfunction(L, library<running>);
  lua_setfield(L, -2, "running");
}

}  // namespace mrun
