#include "script/vm/luajit.h"

#include <dlfcn.h>

#include <string>

#include "base/error.h"
#include "base/library.h"

#define MRUN_LUAJIT_FUNCTIONS(X) \
  X(luaJIT_setmode)              \
  X(luaL_checkstack)             \
  X(luaL_error)                  \
  X(luaL_getmetafield)           \
  X(luaL_loadbuffer)             \
  X(luaL_loadbufferx)            \
  X(luaL_ref)                    \
  X(luaL_register)               \
  X(luaL_unref)                  \
  X(luaL_where)                  \
  X(lua_call)                    \
  X(lua_checkstack)              \
  X(lua_close)                   \
  X(lua_concat)                  \
  X(lua_cpcall)                  \
  X(lua_createtable)             \
  X(lua_error)                   \
  X(lua_gc)                      \
  X(lua_getallocf)               \
  X(lua_getfield)                \
  X(lua_gethookcount)            \
  X(lua_getinfo)                 \
  X(lua_getlocal)                \
  X(lua_getmetatable)            \
  X(lua_getstack)                \
  X(lua_gettable)                \
  X(lua_gettop)                  \
  X(lua_getupvalue)              \
  X(lua_insert)                  \
  X(lua_isnumber)                \
  X(lua_isstring)                \
  X(lua_isyieldable)             \
  X(lua_lessthan)                \
  X(lua_newstate)                \
  X(lua_newthread)               \
  X(lua_newuserdata)             \
  X(lua_next)                    \
  X(lua_objlen)                  \
  X(lua_pcall)                   \
  X(lua_pushboolean)             \
  X(lua_pushcclosure)            \
  X(lua_pushinteger)             \
  X(lua_pushlightuserdata)       \
  X(lua_pushlstring)             \
  X(lua_pushnil)                 \
  X(lua_pushnumber)              \
  X(lua_pushstring)              \
  X(lua_pushthread)              \
  X(lua_pushvalue)               \
  X(lua_rawequal)                \
  X(lua_rawget)                  \
  X(lua_rawgeti)                 \
  X(lua_rawset)                  \
  X(lua_rawseti)                 \
  X(lua_remove)                  \
  X(lua_replace)                 \
  X(lua_resume)                  \
  X(lua_setallocf)               \
  X(lua_setfenv)                 \
  X(lua_setfield)                \
  X(lua_sethook)                 \
  X(lua_setmetatable)            \
  X(lua_settop)                  \
  X(lua_status)                  \
  X(lua_toboolean)               \
  X(lua_tocfunction)             \
  X(lua_tointeger)               \
  X(lua_tolstring)               \
  X(lua_tonumber)                \
  X(lua_topointer)               \
  X(lua_touserdata)              \
  X(lua_type)                    \
  X(lua_typename)                \
  X(lua_xmove)                   \
  X(lua_yield)                   \
  X(luaopen_base)                \
  X(luaopen_bit)                 \
  X(luaopen_math)                \
  X(luaopen_string)              \
  X(luaopen_table)

// Where the functions are, in the order of the list; read by the jumps below.
extern "C" {
extern void *mrun_luajit_table[];
void *mrun_luajit_table[] = {
#define MRUN_LUAJIT_SLOT(name) nullptr,
    MRUN_LUAJIT_FUNCTIONS(MRUN_LUAJIT_SLOT)
#undef MRUN_LUAJIT_SLOT
};
}

// A jump keeps arguments, results and the unwinder's view as they are.
#if defined(__x86_64__)
#define MRUN_LUAJIT_JUMP "  jmp *mrun_luajit_table+8*mrun_luajit_slot(%rip)\n"
#elif defined(__aarch64__)
#define MRUN_LUAJIT_JUMP                                            \
  "  adrp x16, mrun_luajit_table+8*mrun_luajit_slot\n"              \
  "  ldr x16, [x16, #:lo12:mrun_luajit_table+8*mrun_luajit_slot]\n" \
  "  br x16\n"
#else
#error "a jump through a table, for this processor"
#endif
#define MRUN_LUAJIT_TRAMPOLINE(name)                                                                              \
  ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n" MRUN_LUAJIT_JUMP ".size " #name \
  ", .-" #name "\n.set mrun_luajit_slot, mrun_luajit_slot+1\n"
asm(".text\n.hidden mrun_luajit_table\n.set mrun_luajit_slot, 0\n" MRUN_LUAJIT_FUNCTIONS(
    MRUN_LUAJIT_TRAMPOLINE) ".previous\n");

namespace mrun {
namespace {

std::string fill() {
  try {
    void *const library = open_at_home(MRUN_LUAJIT_SONAME);
    void **slot = mrun_luajit_table;
#define MRUN_LUAJIT_FILL(name) \
  if ((*slot++ = dlsym(library, #name)) == nullptr) return MRUN_LUAJIT_SONAME " has no " #name;
    MRUN_LUAJIT_FUNCTIONS(MRUN_LUAJIT_FILL)
#undef MRUN_LUAJIT_FILL
  } catch (const Error &e) { return e.message; }
  return {};
}

const std::string &trouble() {
  static const std::string text = fill();
  return text;
}

// While this is loaded: a jump through an empty slot would go nowhere. What went wrong check_luajit() tells.
[[maybe_unused]] const bool filled = trouble().empty();

}  // namespace

void check_luajit() {
  if (!trouble().empty()) fail(MRUN_MISSING, "{}", trouble());
}

}  // namespace mrun
