// LuaJIT at home: the lua_* functions that this folder calls are defined here, hidden, and jump to those of the library,
// which is opened by itself. So a Lua of another version in the process, which exports the same names, is never met.
//
// Debian's libluajit-5.1.a cannot be linked into a shared library, hence not simply static and hidden.
#pragma once

namespace mrun {

// Before the first state is made. The library is opened when this code is loaded, since a worker process can open nothing
// later. Throws MISSING where it could not be.
void check_luajit();

}  // namespace mrun
