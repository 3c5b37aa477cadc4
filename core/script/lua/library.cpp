#include "script/lua/library.h"

#include <limits>

#include "script/vm/arguments.h"

namespace mrun {

void take(lua_State *L, int from, std::span<const char *const> names) {
  lua_newtable(L);
  for (const char *name : names) {
    lua_getfield(L, from, name);
    lua_setfield(L, -2, name);
  }
}

int int32_at(lua_State *L, int index, const char *function, const char *name) {
  const double d = want_number(L, index, function, name);
  constexpr double least = std::numeric_limits<int>::min(), end = -least;
  return d > least && d < end ? static_cast<int>(d) : std::numeric_limits<int>::min();
}

}  // namespace mrun
