#include "script/lua/math.h"

#include <cmath>

#include "script/lua/library.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

constexpr const char *math_names[] = {"abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh", "deg", "exp",
                                      "floor", "fmod", "frexp", "huge", "ldexp", "log",  "log10", "max",  "min", "modf",
                                      "pi",    "pow",  "rad",   "sin",  "sinh",  "sqrt", "tan",   "tanh"};

// From the item's own numbers: the same for any worker, batch and order.
int random(lua_State *L, Vm &vm) {
  const double unit = static_cast<double>(vm.item().draw() >> 11) * 0x1p-53;  // [0, 1)
  const int given = lua_gettop(L);
  if (given == 0) {
    lua_pushnumber(L, unit);
    return 1;
  }
  if (given > 2) fail(MRUN_ARGUMENT, "math.random: want at most two arguments, got {}", given);
  const double low = given == 1 ? 1 : want_number(L, 1, "math.random", "low");
  const double high = want_number(L, given, "math.random", "high");
  if (!(low <= high && high - low < exact_int))
    fail(MRUN_ARGUMENT, "math.random: no integers from {} to {}", low, high);
  lua_pushnumber(L, low + std::floor(unit * (high - low + 1)));
  return 1;
}

int randomseed(lua_State *, Vm &) {
  fail(MRUN_SCRIPT,
       "math.randomseed: random numbers follow from the run's seed (--seed; seed of mrun_options) and the item's "
       "number");
}

}  // namespace

void push_math(lua_State *L, int from) {
  take(L, from, math_names);
  lua_pushcfunction(L, library<random>);
  lua_setfield(L, -2, "random");
  lua_pushcfunction(L, library<randomseed>);
  lua_setfield(L, -2, "randomseed");
}

}  // namespace mrun
