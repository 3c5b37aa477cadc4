// Modules: `require "NAME"` gives a std module or a plugin's, "lib.NAME" the bundle's own lib/NAME.lua, as does "NAME"
// where there is no such module, and there is nothing else. What is packed is found here too.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bundle/bundle.h"

struct lua_State;

namespace mrun {

class Registry;

// The std and plugin modules that the bundle's scripts require, transitively, as (name, exact text): for packing. Found
// in the text by `require "NAME"`; one that there is not throws MISSING, but not in lib/. A module that the bundle brings
// itself (std/NAME.lua) is taken as it is. `renew`: taken anew even so.
std::vector<std::pair<std::string, std::string>> required_modules(const Bundle &, Registry *, bool renew = false);
// The module that gives tensors their operators and methods: what a packed bundle's lock says (in packed_with; those of
// 1.0 say nothing), else the plugin that is there. Empty: none.
std::string tensor_module(const Bundle &, Registry *);
inline const std::string tensor_methods_key = "tensor_methods";
// The operations ("image.resize@1", "aten.softmax") that a pinned text names: the literals of `native "…"`.
std::vector<std::string> named_operations(std::string_view lua);
// The version of what scripts see outside std/ (INTERFACE.md).
inline constexpr int script_interface = 1;

void open_modules(lua_State *);
// Compiles a script with its own environment; pushes the function. Throws SCRIPT.
void load_script(lua_State *, const std::string &script, const std::string &text, bool std);
// Loads module `name` if it is not loaded yet, and pushes what it returned. Throws.
void push_module(lua_State *, const std::string &name);

}  // namespace mrun
