// The core's own functions.
#pragma once
#include <lua.hpp>
#include <string_view>

namespace mrun {

// "core.asset@1" …; null if there is none.
lua_CFunction core_function(std::string_view name);

}  // namespace mrun
