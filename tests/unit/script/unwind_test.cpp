// What the whole folder rests on: LuaJIT unwinds by the platform's unwinder, so destructors of the C++ frames that a Lua
// error passes run.
#include <lua.hpp>

#include <cstdlib>

#include "catch.h"

namespace {

int destroyed = 0;

struct Noted {
  ~Noted() { ++destroyed; }
};

int raises(lua_State *L) {
  const Noted noted;
  return luaL_error(L, "an error");
}
int calls(lua_State *L) {
  const Noted noted;
  lua_pushcfunction(L, raises);
  lua_call(L, 0, 0);
  return 0;
}
int yields(lua_State *L) {
  const Noted noted;
  lua_pushcfunction(L, [](lua_State *l) { return lua_yield(l, 0); });
  lua_call(L, 0, 0);  // across a C frame: an error
  return 0;
}
int fills(lua_State *L) {
  const Noted noted;
  lua_newtable(L);
  for (int i = 1;; ++i) {
    lua_newtable(L);
    lua_rawseti(L, -2, i);
  }
}

struct Capped {
  size_t used = 0;
  bool armed = false;
};

void *allocate(void *p, void *block, size_t old_size, size_t size) {
  Capped &c = *static_cast<Capped *>(p);
  if (size > old_size && c.armed && c.used + size - old_size > (8u << 20)) return nullptr;
  c.used += size - old_size;
  if (size != 0) return std::realloc(block, size);
  std::free(block);
  return nullptr;
}

// How many destructors a protected call of f runs.
int destroyed_by(lua_CFunction f, int status) {
  Capped heap;
  lua_State *L = lua_newstate(allocate, &heap);
  REQUIRE(L != nullptr);
  heap.armed = true;
  destroyed = 0;
  CHECK(lua_cpcall(L, f, nullptr) == status);
  heap.armed = false;
  lua_close(L);
  return destroyed;
}

}  // namespace

TEST_CASE("Destructors run where a Lua error passes C++ frames") {
  CHECK(destroyed_by(raises, LUA_ERRRUN) == 1);
  CHECK(destroyed_by(calls, LUA_ERRRUN) == 2);
  CHECK(destroyed_by(yields, LUA_ERRRUN) == 1);
}
TEST_CASE("Destructors run where memory runs out below C++ frames") { CHECK(destroyed_by(fills, LUA_ERRMEM) == 1); }
TEST_CASE("Destructors run where a coroutine ends by an error") {
  lua_State *L = luaL_newstate();
  lua_State *co = lua_newthread(L);
  lua_pushcfunction(co, calls);
  destroyed = 0;
  CHECK(lua_resume(co, 0) == LUA_ERRRUN);
  CHECK(destroyed == 2);
  lua_close(L);
}
