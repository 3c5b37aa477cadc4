// Errors between C++ and Lua: an Error raised in a script is a userdata with the fields code, message, operation,
// argument, script and line; whatever a script raises becomes an Error that names script, line and source.
#pragma once
#include <string_view>

#include "script/host.h"

namespace mrun {

// Fills in script, line, source and traceback from L's frames, where the error does not have them, and puts
// "script:line: " in front of the message. The place is the innermost line of the bundle's own scripts.
void locate(lua_State *L, Error &);

// The error value at the top of `co`, whose frames still stand; pops it. status: what lua_resume or lua_pcall gave. L:
// the state that runs, `co` itself or another one (memory cannot be asked for in a coroutine that does not run).
Error error_of(lua_State *L, lua_State *co, int status);

Error heap_full(const Host &);

// heap_full of a coroutine that ended with LUA_ERRMEM. LuaJIT leaves its `top` too low, so a collection destroys its frames: call
// this before anything that may allocate.
Error memory_error(const Host &, lua_State *co);

// The Error of a text that failed to compile.
Error compile_error(const Host &, const std::string &script, std::string_view message);

void make_error_metatable(lua_State *);
const Error *error_at(lua_State *, int index);  // the Error behind a value, or null

std::string source_line(const Host &, std::string_view script, int line);
bool is_std(std::string_view script);  // "std/image.lua", and the core's own text

}  // namespace mrun
