// What scripts see, by file: each function here fills in one part of a new state.
#pragma once
#include "script/host.h"

namespace mrun {

// sandbox.cpp: the tables of globals; opens LuaJIT's own libraries and takes what is harmless.
void open_sandbox(lua_State *);
// pairs.cpp, sort.cpp, random.cpp, pattern (wrap_string.cpp): put their functions into the table on top of the stack.
void add_pairs(lua_State *);       // pairs, next, ipairs, unpack
void add_sort(lua_State *);        // sort, insert, remove, concat, of `table`
void add_random(lua_State *);      // random, randomseed, of `math`
void add_patterns(lua_State *);    // find, match, gmatch, gsub, of `string`
void add_format(lua_State *);      // format, of `string`
int text_of(lua_State *, Host &);  // tostring

// An empty table that shows the table on top of the stack, read-only; replaces it.
void freeze(lua_State *);
// Pushes the table behind a frozen one; false, and nothing pushed, where the value at index is none.
bool push_frozen(lua_State *, int index);
// Pushes an environment for a file: every global, and `native` for std modules.
void push_environment(lua_State *, bool std);

void make_tensor_metatable(lua_State *);
void set_tensor_methods(lua_State *, int table);
void set_object_methods(lua_State *, const std::string &type, int table);
void make_model_metatables(lua_State *);
void push_models(lua_State *);                // the first argument of forward
void make_vocabulary_metatable(lua_State *);  // bundle.vocab

// modules.cpp
int require(lua_State *, Host &);
// Compiles a script with its own environment; pushes the function. Throws SCRIPT.
void load_script(lua_State *, const std::string &script, const std::string &text, bool std);
// Loads module `name` if it is not loaded yet, and pushes what it returned. Throws.
void push_module(lua_State *, const std::string &name);

}  // namespace mrun
