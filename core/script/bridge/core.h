// The core's own functions.
#pragma once
#include <lua.hpp>
#include <span>
#include <string_view>
#include <utility>

namespace mrun {

std::span<const std::pair<std::string_view, lua_CFunction>> core_functions();
// "core.asset@1" …; null if there is none.
lua_CFunction core_function(std::string_view name);

}  // namespace mrun
