// Arguments of the core's own functions, as Lua gives them.
#pragma once
#include <cstdint>
#include <lua.hpp>
#include <string>
#include <string_view>

namespace mrun {

inline constexpr double exact_int = 9007199254740992.0;  // 2^53

// These throw ARGUMENT: "json.decode: text: want a string, got nil".
std::string_view want_string(lua_State *, int index, const char *function, const char *name);
double want_number(lua_State *, int index, const char *function, const char *name);
int64_t want_int(lua_State *, int index, const char *function, const char *name);
std::string describe_lua(lua_State *, int index);   // "a table", "the number 3", "nil"
std::string tensor_as_key(lua_State *, int index);  // what an error says where it stands as a key

}  // namespace mrun
