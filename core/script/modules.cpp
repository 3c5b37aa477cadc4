#include "script/modules.h"

#include <fmt/ranges.h>
#include <algorithm>
#include <optional>

#include "base/article.h"
#include "base/text.h"
#include "script/lua/instrument.h"
#include "script/lua/sandbox.h"
#include "script/lua/source.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/frozen.h"
#include "script/vm/idioms.h"

struct mrun_std_module {  // of lua/: the table is generated
  const char *name, *text;
};
extern const mrun_std_module mrun_std_modules[];

namespace mrun {
namespace {

struct Module {
  std::string script, text;
  bool std = false;
};

// "lib.a.b" of a file's path as it is written elsewhere: "./lib/a/b.lua", "a/b", "b.lua".
std::string dotted(std::string path) {
  if (path.starts_with("./")) path.erase(0, 2);
  if (path.ends_with(".lua")) path.resize(path.size() - 4);
  std::replace(path.begin(), path.end(), '/', '.');
  return path.starts_with("lib.") ? path : "lib." + path;
}

// What there is to require.
std::vector<std::string> module_names(const Bundle &bundle, Registry *registry) {
  std::vector<std::string> names;
  for (const mrun_std_module *m = mrun_std_modules; m->name != nullptr; ++m) names.emplace_back(m->name);
  if (registry != nullptr) {
    for (const Plugin *p : registry->loaded()) names.push_back(p->name);
    // A packed bundle brings its modules, and what runs it may have no files to look at.
    if (!bundle.packed()) {
      for (const auto &[name, file] : registry->catalog()->files()) names.push_back(name);
    }
  }
  for (const EntryInfo &e : bundle.entries()) {
    if (e.path.starts_with("lib/") && e.path.ends_with(".lua")) names.push_back(dotted(e.path));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

[[noreturn]] void missing(const Bundle &bundle, Registry *registry, const std::string &name) {
  const std::vector<std::string> names = module_names(bundle, registry);
  const auto there = [&](const std::string &n) { return std::binary_search(names.begin(), names.end(), n); };
  const std::string path = dotted(name), first = name.substr(0, name.find('.'));
  std::string meant = idiom("require", first);
  if (there(path)) {
    meant = fmt::format("; require \"{}\" runs that file", path);
  } else if (there(first)) {
    meant = fmt::format("; module {0} is one: require \"{0}\"", first);
  } else if (meant.empty()) {
    meant = did_you_mean(name, names);
  }
  fail(MRUN_MISSING, "require \"{}\": no such module{}; a module is a std one, a plugin, or lib.NAME for lib/NAME.lua",
       printable(name, 60), meant);
}

// Lua's own libraries, which every script has: `require "string"` gives them too.
bool is_library(std::string_view name) {
  static constexpr std::string_view libraries[] = {"bit", "coroutine", "math", "string", "table"};
  return std::find(std::begin(libraries), std::end(libraries), name) != std::end(libraries);
}

bool is_module_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                              std::string_view::npos;
}

// The file of a bundle's own module: lib/a/b.lua or lib/a/b/init.lua for "lib.a.b", and for "a.b" as public libraries
// name their parts. Empty: none.
std::string lib_file(const Bundle &bundle, std::string name) {
  if (name.starts_with("lib.")) name.erase(0, 4);
  std::replace(name.begin(), name.end(), '.', '/');
  for (const char *end : {".lua", "/init.lua"}) {
    std::string path = "lib/" + name + end;
    if (bundle.has(path)) return path;
  }
  return "";
}

// A packed bundle runs the text it brings; a folder without std/ what is installed. Nothing where there is none.
// renew: the installed text, whatever the bundle has.
std::optional<Module> std_module(const Bundle &bundle, Registry *registry, const std::string &name, bool renew) {
  if (!is_module_name(name)) return std::nullopt;
  Module m{"std/" + name + ".lua", "", true};
  if (!renew && bundle.has(m.script)) {
    m.text = bundle.text(m.script);
    return m;
  }
  if (!renew && bundle.packed()) return std::nullopt;
  for (const mrun_std_module *own = mrun_std_modules; own->name != nullptr; ++own) {
    if (name == own->name) {
      m.text = own->text;
      return m;
    }
  }
  const Plugin *plugin = registry == nullptr ? nullptr : registry->plugin(name);
  if (plugin == nullptr) return std::nullopt;
  m.text = plugin->lua;
  return m;
}

// A std module or a plugin's, else the bundle's own.
Module find_module(const Bundle &bundle, Registry *registry, const std::string &name, bool renew) {
  if (auto m = std_module(bundle, registry, name, renew)) return *std::move(m);
  const std::string path = lib_file(bundle, name);
  if (!path.empty()) return {path, bundle.text(path), false};
  if (!renew && bundle.packed() && is_module_name(name)) {
    fail(MRUN_MISSING, "require \"{}\": the bundle was packed without std/{}.lua, so it does not run that module", name,
         name);
  }
  missing(bundle, registry, name);
}

// Runs a module's text; its value is on the stack then.
void run_module(lua_State *L, const Module &m, const std::string &name) {
  load_script(L, m.script, m.text, m.std);
  lua_pushlstring(L, name.data(), name.size());  // `...` of a module is its name
  const int status = lua_pcall(L, 1, 1, 0);
  if (status != 0) throw error_of(L, L, status);
  if (m.std ? lua_type(L, -1) != LUA_TTABLE : lua_isnil(L, -1)) {
    fail(MRUN_SCRIPT, "{} must return {}, it returned {}", m.script, m.std ? "a table" : "a value",
         lua_isnil(L, -1) ? "nothing" : with_article(luaL_typename(L, -1)));
  }
  if (m.std) freeze(L);
}

int compile(lua_State *L, const std::string &script, const std::string &text) {
  return luaL_loadbufferx(L, text.data(), text.size(), ("@" + script).c_str(), "t");
}

// With its tensors looked at, but for the modules that come with the engine. The text itself says whether it compiles, and
// is what runs where the calls in it are too many.
int compile_checked(lua_State *L, const std::string &script, const std::string &text, bool std) {
  const int status = compile(L, script, text);
  if (std || status != 0) return status;
  const std::string with_calls = instrument(text);
  if (with_calls == text) return 0;
  const int checked = compile(L, script, with_calls);
  lua_remove(L, checked == LUA_ERRSYNTAX ? -1 : -2);
  return checked == LUA_ERRSYNTAX ? 0 : checked;
}

}  // namespace

void load_script(lua_State *L, const std::string &script, const std::string &text, bool std) {
  Vm &vm = vm_of(L);
  vm.texts[script] = text;
  try {
    check_source(script, text);
  } catch (Error &e) {
    e.source = source_line(vm, script, e.line);
    throw;
  }
  const int status = compile_checked(L, script, text, std);
  if (status == LUA_ERRMEM) {
    lua_pop(L, 1);
    Error e = heap_full(vm);
    e.script = script;
    throw e;
  }
  if (status != 0) {
    size_t size = 0;
    const char *message = lua_tolstring(L, -1, &size);
    const Error e = compile_error(vm, script, {message != nullptr ? message : "", size});
    lua_pop(L, 1);
    throw e;
  }
  push_environment(L, std);
  lua_setfenv(L, -2);
}

namespace {

// Pushes field `name` of the table on top of the stack; false, and nothing pushed, where it has none.
bool push_loaded(lua_State *L, const std::string &name) {
  lua_getfield(L, -1, name.c_str());
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

// Loads a module, whose name is `full`, and pushes what it returned.
void push_new(lua_State *L, Vm &vm, const Module &m, const std::string &full, const std::string &name) {
  if (std::find(vm.loading.begin(), vm.loading.end(), full) != vm.loading.end()) {
    fail(MRUN_SCRIPT, "require \"{}\": a cycle: {} requires {}", name, fmt::join(vm.loading, " requires "), full);
  }
  vm.loading.push_back(full);
  struct Leave {
    Vm &vm;
    ~Leave() { vm.loading.pop_back(); }
  } const leave{vm};
  run_module(L, m, name);
}

}  // namespace

void push_module(lua_State *L, const std::string &name) {
  Vm &vm = vm_of(L);
  push_anchor(L, is_library(name) ? vm.anchors.globals : vm.anchors.modules);
  const int modules = lua_gettop(L);
  if (!push_loaded(L, name)) {
    guard_stack(vm);
    const Module m = find_module(*vm.options.bundle, vm.options.registry, name, false);
    const std::string full = m.std || name.starts_with("lib.") ? name : "lib." + name;
    if (full == name || !push_loaded(L, full)) push_new(L, vm, m, full, name);
    for (const std::string &key : {name, full}) {
      lua_pushvalue(L, -1);
      lua_setfield(L, modules, key.c_str());
    }
  }
  lua_remove(L, modules);
}

namespace {

int require(lua_State *L, Vm &) {
  if (lua_type(L, 1) != LUA_TSTRING) fail(MRUN_ARGUMENT, "require: name: want a string");
  push_module(L, lua_tostring(L, 1));
  return 1;
}

// Without a model, and where no script requires it, the module is not packed. A folder must not run what the packed
// bundle cannot.
void push_needed_module(lua_State *L, const std::string &name) {
  const StateOptions &options = vm_of(L).options;
  const Bundle &bundle = *options.bundle;
  const auto required = [&] {
    const auto modules = required_modules(bundle, options.registry);
    return std::any_of(modules.begin(), modules.end(), [&](const auto &m) { return m.first == name; });
  };
  if (!bundle.packed() && !required()) {
    const bool tensors = name == tensor_module(bundle, options.registry);
    fail(MRUN_SCRIPT, "{} module {}'s: a script must require \"{}\"",
         tensors ? "a tensor's operators and most of its methods are" : "this object's methods are", name, name);
  }
  push_module(L, name);
}

void push_tensor_module(lua_State *L) {
  const Vm &vm = vm_of(L);
  const std::string module = tensor_module(*vm.options.bundle, vm.options.registry);
  if (module.empty()) {
    fail(MRUN_MISSING, "a tensor's operators and most of its methods are a plugin's, and there is none that has them");
  }
  push_anchor(L, vm.anchors.modules);
  lua_getfield(L, -1, module.c_str());
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  push_needed_module(L, module);
}

}  // namespace

void open_modules(lua_State *L) {
  Vm &vm = vm_of(L);
  lua_newtable(L);
  vm.anchors.modules = anchor(L);
  vm.push_needed_module = push_needed_module;
  vm.push_tensor_module = push_tensor_module;
  push_anchor(L, vm.anchors.globals);
  lua_pushcfunction(L, function<require>);
  lua_setfield(L, -2, "require");
}

std::string tensor_module(const Bundle &bundle, Registry *registry) {
  const Value lock = bundle.lock();
  const Value *versions = lock.find("packed_with");
  const Value *kept = versions == nullptr ? nullptr : versions->find(tensor_methods_key);
  if (kept != nullptr && kept->is_string()) return std::string(kept->as_string());
  return registry == nullptr ? std::string() : registry->tensor_module();
}

std::vector<std::pair<std::string, std::string>> required_modules(const Bundle &bundle, Registry *registry,
                                                                  bool renew) {
  struct Required {
    std::string name, by;
  };
  std::vector<Required> all;
  const auto add = [&](const std::string &name, const std::string &by) {
    const bool known = std::any_of(all.begin(), all.end(), [&](const Required &r) { return r.name == name; });
    if (!is_library(name) && !known) all.push_back({name, by});
  };
  // Public libraries ask for modules that they can do without: what lib/ requires and nobody has is left to the run.
  const auto scan = [&](std::string_view text, const std::string &file, bool lib) {
    for (const std::string &name : literals_after(text, "require")) {
      if (!lib || std_module(bundle, registry, name, renew)) add(name, file);
    }
  };
  for (const EntryInfo &e : bundle.entries()) {
    const bool lib = e.path.starts_with("lib/") && e.path.ends_with(".lua");
    const bool stage = e.path == "preprocess.lua" || e.path == "forward.lua" || e.path == "postprocess.lua";
    if (lib || stage) scan(bundle.text(e.path), e.path, lib);
  }
  // Scripts do arithmetic with what a model returns.
  if (!bundle.manifest().models.empty()) {
    if (const std::string module = tensor_module(bundle, registry); !module.empty()) add(module, "");
  }
  std::vector<std::pair<std::string, std::string>> modules;
  for (size_t i = 0; i < all.size(); ++i) {
    const Required r = all[i];
    if (r.name.starts_with("lib.")) continue;
    Module m;
    try {
      m = find_module(bundle, registry, r.name, renew);
    } catch (Error &e) {
      if (!r.by.empty()) e.message = fmt::format("{}: {}", r.by, e.message);
      throw;
    }
    if (!m.std) continue;
    scan(m.text, m.script, false);
    modules.emplace_back(r.name, std::move(m.text));
  }
  std::sort(modules.begin(), modules.end());
  return modules;
}

std::vector<std::string> named_operations(std::string_view lua) {
  std::vector<std::string> names = literals_after(lua, "native");
  std::erase_if(names, [](const std::string &n) { return n.starts_with("core."); });  // script_interface covers them
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace mrun
