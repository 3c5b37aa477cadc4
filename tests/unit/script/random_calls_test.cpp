// Lua's library functions beside LuaJIT's own: the same random calls in a script and in a plain state.
#include <lua.hpp>

#include "base/file.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

constexpr int calls = 20000;
const std::string path = MRUN_TEST_DATA "/scripts/random_calls.lua";

class PlainState {
 public:
  PlainState() : L_(luaL_newstate()) {
    luaJIT_setmode(L_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    for (const lua_CFunction open : {luaopen_base, luaopen_string, luaopen_table, luaopen_math, luaopen_bit}) {
      lua_pushcfunction(L_, open);
      lua_call(L_, 0, 0);
    }
  }
  ~PlainState() { lua_close(L_); }
  PlainState(const PlainState &) = delete;
  PlainState &operator=(const PlainState &) = delete;

  std::vector<std::string> lines(int seed) {
    REQUIRE(luaL_dofile(L_, path.c_str()) == 0);
    lua_pushinteger(L_, seed);
    lua_pushinteger(L_, calls);
    REQUIRE(lua_pcall(L_, 2, 1, 0) == 0);
    std::vector<std::string> all;
    for (int i = 1; i <= calls; ++i) {
      lua_rawgeti(L_, -1, i);
      all.emplace_back(lua_tostring(L_, -1));
      lua_pop(L_, 1);
    }
    return all;
  }

 private:
  lua_State *L_;
};

}  // namespace

TEST_CASE("Random calls of library functions give what LuaJIT's own give") {
  const int seed = GENERATE(1, 2, 3);
  CAPTURE(seed);
  Script s(Script::Files{{"preprocess.lua", fmt::format("local lines = require 'lib.calls' return function(seed) "
                                                        "return lines(seed, {}) end",
                                                        calls)},
                         {"lib/calls.lua", read_file(path)}});
  const Value ours = s.preprocess(Value::integer(seed));
  const std::vector<std::string> theirs = PlainState().lines(seed);
  REQUIRE(ours.as_list().size() == theirs.size());
  std::string differ;
  size_t i = 0;
  for (const Value &line : ours.as_list()) {
    if (line.as_string() != theirs[i]) differ += fmt::format("{}\n  LuaJIT: {}\n", line.as_string(), theirs[i]);
    ++i;
  }
  CHECK(differ == "");
}
