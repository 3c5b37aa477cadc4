#include "script/lua/library.h"

namespace mrun {

void take(lua_State *L, int from, std::span<const char *const> names) {
  lua_newtable(L);
  for (const char *name : names) {
    lua_getfield(L, from, name);
    lua_setfield(L, -2, name);
  }
}

}  // namespace mrun
