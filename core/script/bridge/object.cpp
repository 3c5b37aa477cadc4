// Objects of plugins' types: userdata with the methods that the plugin's module gave by native.methods.
#include "script/bridge/object.h"

#include <fmt/ranges.h>
#include <algorithm>

#include "base/article.h"
#include "base/text.h"
#include "script/bridge/tensor.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"

namespace mrun {
namespace {

// The metatable's functions of a type that stands for tensors: the handle becomes the tensor, whose own function then
// does it. Upvalue 1: the event, as "__add".
int settle_and_go_on(lua_State *L, Vm &vm) {
  for (int i = 1; i <= 2; ++i) {
    if (stands_for_tensor(handle_at(L, i))) settle(L, i);
  }
  push_anchor(L, vm.anchors.tensor);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawget(L, -2);
  lua_insert(L, 1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

constexpr const char *tensor_events[] = {"__index", "__newindex", "__len", "__tostring", "__add", "__sub", "__mul",
                                         "__div",   "__mod",      "__pow", "__unm",      "__lt",  "__le"};

// Before a type's methods are known: loads the module of its plugin, which registers them.
int index_unknown(lua_State *L, Vm &vm) {
  const Handle &handle = *handle_at(L, 1);
  const std::string type = handle.held.as.object->type->name;
  push_anchor(L, vm.anchors.object_methods);
  lua_getfield(L, -1, type.c_str());
  if (lua_isnil(L, -1)) {
    vm.push_needed_module(L, type.substr(0, type.find('.')));
    lua_pop(L, 2);
    lua_getfield(L, -1, type.c_str());
  }
  const bool named = lua_type(L, 2) == LUA_TSTRING;
  const std::string_view name = named ? want_string(L, 2, type.c_str(), "method") : "";
  if (!lua_istable(L, -1)) fail(MRUN_SCRIPT, "{} has no methods", with_article(type));
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  if (!lua_isnil(L, -1)) return 1;
  std::vector<std::string> names;
  for (lua_pushnil(L); lua_next(L, -3) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) names.emplace_back(lua_tostring(L, -2));
  }
  std::string there = did_you_mean(name, names);
  if (there.empty()) {
    std::sort(names.begin(), names.end());
    there = fmt::format("; it has {}", fmt::join(names, ", "));
  }
  if (!named) fail(MRUN_SCRIPT, "{} is no list or table{}", with_article(type), there);
  fail(MRUN_SCRIPT, "{} has no method {}{}", with_article(type), printable(name, 60), there);
}

int set_field(lua_State *L, Vm &) {
  fail(MRUN_SCRIPT, "{} has no fields that can be set", with_article(handle_at(L, 1)->held.as.object->type->name));
}

int object_text(lua_State *L, Vm &) {
  lua_pushstring(L, handle_at(L, 1)->held.as.object->type->name);
  return 1;
}

void add_tensor_events(lua_State *L) {
  for (const char *event : tensor_events) {
    lua_pushstring(L, event);
    lua_pushcclosure(L, function<settle_and_go_on>, 1);
    lua_setfield(L, -2, event);
  }
}

void add_object_events(lua_State *L) {
  lua_pushcfunction(L, function<index_unknown>);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, function<set_field>);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, function<object_text>);
  lua_setfield(L, -2, "__tostring");
}

void push_metatable(lua_State *L, const mrun_type *type) {
  const Vm &vm = vm_of(L);
  push_anchor(L, vm.anchors.object_types);
  lua_pushlightuserdata(L, const_cast<mrun_type *>(type));
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    begin_metatable(L);
    if (type->to_tensor != nullptr) {
      add_tensor_events(L);
    } else {
      add_object_events(L);
    }
    lua_pushlightuserdata(L, const_cast<mrun_type *>(type));
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
}

}  // namespace

void settle(lua_State *L, int index) {
  Vm &vm = vm_of(L);
  Handle &handle = *handle_at(L, index);
  mrun_call call(vm.item());
  call.registry = vm.options.registry;
  Tensor tensor = tensor_of(*handle.held.as.object, call);
  const Value object = Value::adopt(handle.held);  // goes when the handle is the tensor's
  handle.held = tensor.release();
  count_tensor(vm, handle);
  lua_pushvalue(L, index);
  push_anchor(L, vm.anchors.tensor);
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

void push_object(lua_State *L, const mrun_value &v) {
  auto *handle = new (lua_newuserdata(L, sizeof(Handle))) Handle{Handle::value};
  // Before it holds anything: memory may run out here, and without a metatable nobody would let go of it.
  push_metatable(L, v.as.object->type);
  lua_setmetatable(L, -2);
  handle->held = Value::copy(v).release();
  count_native(vm_of(L), *handle, v.as.object->charged);
}

void open_objects(lua_State *L) {
  Vm &vm = vm_of(L);
  lua_newtable(L);
  vm.anchors.object_types = anchor(L);
  lua_newtable(L);
  vm.anchors.object_methods = anchor(L);
}

void set_object_methods(lua_State *L, const std::string &type, int table) {
  push_anchor(L, vm_of(L).anchors.object_methods);
  lua_pushvalue(L, table);
  lua_setfield(L, -2, type.c_str());
  lua_pop(L, 1);
}

}  // namespace mrun
