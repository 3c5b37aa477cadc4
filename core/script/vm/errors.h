// Errors between C++ and Lua: an Error raised in a script is a userdata with the fields code, message, operation,
// argument, script and line; whatever a script raises becomes an Error that names script, line and source.
//
// How errors cross: a function for Lua is a C++ body that throws Error; function<body> catches it and raises it as a
// Lua error once the body's frames are gone. Lua's own errors (out of memory, mostly) may pass the frames of a body:
// LuaJIT unwinds by the platform's unwinder, so destructors run. They never pass a plugin's. What raises an error needs memory
// itself, and where that has ended it is an error without a place.
#pragma once
#include <string_view>

#include "script/vm/vm.h"

namespace mrun {

void note(Vm &, const std::exception &);  // vm.raised = it
int raise(lua_State *);                   // vm.raised as a Lua error
int raise_text(lua_State *);              // as a text, where a script is at fault

template <int (*body)(lua_State *, Vm &)>
int function(lua_State *L) {
  int results = -1;
  Vm &vm = vm_of(L);
  try {
    results = body(L, vm);
  } catch (const std::exception &e) { note(vm, e); }
  return results >= 0 ? results : raise(L);
}

// The same for a function of Lua's libraries, whose errors are texts.
template <int (*body)(lua_State *, Vm &)>
int library(lua_State *L) {
  int results = -1;
  Vm &vm = vm_of(L);
  try {
    results = body(L, vm);
  } catch (const std::exception &e) { note(vm, e); }
  return results >= 0 ? results : raise_text(L);
}

// Fills in script, line, source and traceback from L's frames, where the error does not have them, and puts
// "script:line: " in front of the message. The place is the innermost line of the bundle's own scripts.
void locate(lua_State *L, Error &);

// The error value at the top of `co`, whose frames still stand; pops it. status: what lua_resume or lua_pcall gave. L:
// the state that runs, `co` itself or another one (memory cannot be asked for in a coroutine that does not run).
Error error_of(lua_State *L, lua_State *co, int status);

// heap_full of a coroutine that ended with LUA_ERRMEM. LuaJIT leaves its `top` too low, so a collection destroys its frames: call
// this before anything that may allocate.
Error memory_error(const Vm &, lua_State *co);

// The Error of a text that failed to compile.
Error compile_error(const Vm &, const std::string &script, std::string_view message);

void open_errors(lua_State *);
const Error *error_at(lua_State *, int index);  // the Error behind a value, or null

// The stack's level of what a script calls a level: functions of prelude.lua, which instrument.cpp calls, are none.
int level_behind_prelude(lua_State *, int level);

std::string_view source_from(const Vm &, std::string_view script, int line);  // the line and all behind it
std::string source_line(const Vm &, std::string_view script, int line);
bool is_std(std::string_view script);  // "std/image.lua", and the core's own text

}  // namespace mrun
