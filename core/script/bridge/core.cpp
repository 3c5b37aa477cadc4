// The core's own functions, behind lua/bundle.lua, json.lua and log.lua: native "core.asset@1" and so on.
#include "script/bridge/core.h"

#include <algorithm>

#include "base/hash.h"
#include "script/bridge/convert.h"
#include "script/bridge/json_null.h"
#include "script/bridge/tensor.h"
#include "script/bridge/vocabulary.h"
#include "script/vm/errors.h"
#include "script/vm/hook.h"
#include "value/json_look.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

constexpr int poll_lines = 1 << 12;  // lines

// ---- the bundle's files

std::string asset_path(lua_State *L, const char *function) {
  return "assets/" + std::string(want_string(L, 1, function, "path"));
}

Tensor read_asset(Vm &vm, const std::string &path) {
  Tensor bytes = vm.options.bundle->read(path);
  vm.assets.try_emplace(bytes.data(), path);  // the bundle keeps what it has read
  return bytes;
}

std::string read_text(Vm &vm, const std::string &path) { return vm.options.bundle->text(path); }

int asset(lua_State *L, Vm &vm) {
  push_tensor(L, read_asset(vm, asset_path(L, "bundle.asset")).c(), true);
  return 1;
}

int bundle_text(lua_State *L, Vm &vm) {
  const std::string s = read_text(vm, asset_path(L, "bundle.text"));
  lua_pushlstring(L, s.data(), s.size());
  return 1;
}

int lines(lua_State *L, Vm &vm) {
  const std::string s = read_text(vm, asset_path(L, "bundle.lines"));
  lua_newtable(L);
  int count = 0;
  each_line(s, [&](std::string_view line) {
    if (count % poll_lines == 0) poll(L);
    lua_pushlstring(L, line.data(), line.size());
    lua_rawseti(L, -2, ++count);
  });
  guard_list(L);
  return 1;
}

int json(lua_State *L, Vm &vm) {
  const std::string path = asset_path(L, "bundle.json");
  push_value(L, parse_json(read_text(vm, path), {path, MRUN_BUNDLE, most_levels}, [L] { poll(L); }), true);
  return 1;
}

int tensors(lua_State *L, Vm &vm) {
  const std::string path = asset_path(L, "bundle.tensors");
  push_value(L, tensor_map(read_safetensors(read_asset(vm, path), path, MRUN_BUNDLE).tensors), true);
  return 1;
}

int vocab(lua_State *L, Vm &vm) {
  const std::string path = asset_path(L, "bundle.vocab");
  push_value(
      L, vm.options.shared->get(
             "vocab:" + path, &vm, [&] { return make_vocabulary(vm.options.bundle->read(path)); }, [&] { poll(L); }));
  return 1;
}

int params(lua_State *L, Vm &vm) {
  push_anchor(L, vm.anchors.params);
  return 1;
}

// While it lives, random numbers follow the run's seed and the name alone: what all items see must not depend on which of
// them makes it, nor that item's own numbers on whether it did.
class SharedDraws {
 public:
  SharedDraws(ItemContext &item, const std::string &name) : item_(item), number_(item.number), draws_(item.draws) {
    item.number = std::stoull(sha256_hex(name).substr(0, 16), nullptr, 16);
    item.draws.store(0);
  }
  ~SharedDraws() {
    item_.number = number_;
    item_.draws.store(draws_);
  }
  SharedDraws(const SharedDraws &) = delete;
  SharedDraws &operator=(const SharedDraws &) = delete;

 private:
  ItemContext &item_;
  const uint64_t number_, draws_;
};

// What the function at 2 returns, as tensors and objects that nobody can change.
Value make_shared_value(lua_State *L, const std::string &name) {
  const SharedDraws draws(vm_of(L).item(), name);
  lua_pushvalue(L, 2);
  const int status = lua_pcall(L, 0, 1, 0);
  if (status != 0) throw error_of(L, L, status);
  const std::string what = "what bundle.shared \"" + name + "\" makes";
  Value v = to_value(L, -1, what.c_str());
  lua_pop(L, 1);
  return v;
}

int shared(lua_State *L, Vm &vm) {
  const std::string name(want_string(L, 1, "bundle.shared", "name"));
  if (lua_type(L, 2) != LUA_TFUNCTION) {
    fail(MRUN_ARGUMENT, "bundle.shared: make: want a function, got {}", describe_lua(L, 2));
  }
  push_value(L,
             vm.options.shared->get(
                 "shared:" + name, &vm, [&] { return make_shared_value(L, name); }, [&] { poll(L); }),
             true);
  return 1;
}

// ---- JSON

int encode(lua_State *L, Vm &vm) {
  JsonOptions options;
  options.name = "value";
  options.depth = most_levels;
  options.max_bytes = static_cast<size_t>(vm.limit);  // alone in the heap; where others hold some, the heap says so
  if (lua_toboolean(L, 2) != 0) options.style = JsonOptions::Style::pretty;
  const std::string s = to_json(to_value(L, 1, "value"), options, [L] { poll(L); });
  if (static_cast<int64_t>(s.size()) > vm.limit - vm.used) vm.collect();  // garbage may hold it
  lua_pushlstring(L, s.data(), s.size());
  return 1;
}

int decode(lua_State *L, Vm &) {
  push_value(L,
             parse_json(want_string(L, 1, "json.decode", "text"), {"JSON", MRUN_INPUT, most_levels}, [L] { poll(L); }));
  return 1;
}

int null(lua_State *L, Vm &) {
  push_json_null(L);
  return 1;
}

int object(lua_State *L, Vm &vm) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  const Handle *constant = handle_at(L, 1, Handle::constant);
  if (constant != nullptr && constant->held.kind == MRUN_MAP) return 1;
  if (lua_type(L, 1) != LUA_TTABLE) fail(MRUN_ARGUMENT, "json.object: want a table, got {}", describe_lua(L, 1));
  if (lua_getmetatable(L, 1) != 0 && !is_guarded(L, 1) && !is_json_object(L, 1))
    fail(MRUN_ARGUMENT, "json.object: the table has a metatable already");
  lua_settop(L, 1);
  push_anchor(L, vm.anchors.json_object);
  lua_setmetatable(L, 1);
  return 1;
}

// ---- log

int log_text(lua_State *L, Vm &vm) {
  const auto level = static_cast<int>(want_int(L, 1, "log", "level"));
  log_line(vm.item(), level, want_string(L, 2, "log", "text"));
  return 0;
}

}  // namespace

// Each is part of the script interface: a new one raises script_interface.
std::span<const std::pair<std::string_view, lua_CFunction>> core_functions() {
  static const std::pair<std::string_view, lua_CFunction> functions[] = {
      {"core.asset@1", function<asset>},        {"core.text@1", function<bundle_text>},
      {"core.lines@1", function<lines>},        {"core.json@1", function<json>},
      {"core.tensors@1", function<tensors>},    {"core.vocab@1", function<vocab>},
      {"core.params@1", function<params>},      {"core.shared@1", function<shared>},
      {"core.json_encode@1", function<encode>}, {"core.json_decode@1", function<decode>},
      {"core.json_null@1", function<null>},     {"core.json_object@1", function<object>},
      {"core.log@1", function<log_text>}};
  return functions;
}

lua_CFunction core_function(std::string_view name) {
  for (const auto &[known, f] : core_functions()) {
    if (known == name) return f;
  }
  return nullptr;
}

}  // namespace mrun
