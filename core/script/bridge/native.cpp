#include "script/bridge/native.h"

#include <algorithm>

#include "script/bridge/core.h"
#include "script/bridge/object.h"
#include "script/bridge/task.h"
#include "script/bridge/tensor.h"
#include "script/vm/errors.h"
#include "script/vm/hook.h"

namespace mrun {
namespace {

// ---- MRUN_OP_ONCE: the key of a call whose arguments are assets and plain values. Each part says its kind, and texts their
// length, so that two different calls never have one key; numbers are written exactly.

bool add_key(const Vm &vm, const mrun_value &v, std::string &key) {
  switch (v.kind) {
    case MRUN_NIL: key += "n;"; return true;
    case MRUN_BOOL: key += v.as.boolean != 0 ? "t;" : "f;"; return true;
    case MRUN_INT: key += fmt::format("i{};", v.as.integer); return true;
    case MRUN_FLOAT: key += fmt::format("d{:a};", v.as.number); return true;
    case MRUN_STRING:
      key += fmt::format("s{}:", v.as.string.size);
      key.append(v.as.string.data, v.as.string.size);
      return true;
    case MRUN_TENSOR: {
      const DLTensor &t = v.as.tensor.dl->dl_tensor;
      const auto asset = vm.assets.find(static_cast<const char *>(t.data) + t.byte_offset);
      if (asset == vm.assets.end() || t.ndim != 1 || !(t.dtype == dtype::uint8) ||
          (t.strides != nullptr && t.strides[0] != 1)) {
        return false;
      }
      key += fmt::format("a{}:{}:{};", asset->second.size(), asset->second, t.shape[0]);
      return true;
    }
    case MRUN_LIST:
      key += fmt::format("l{}:", v.as.list.size);
      return std::all_of(v.as.list.items, v.as.list.items + v.as.list.size,
                         [&](const mrun_value &item) { return add_key(vm, item, key); });
    case MRUN_MAP:
      key += fmt::format("m{}:", v.as.map.size);
      return std::all_of(v.as.map.items, v.as.map.items + v.as.map.size, [&](const mrun_entry &e) {
        key += fmt::format("{}:", e.key.size);
        key.append(e.key.data, e.key.size);
        return add_key(vm, e.value, key);
      });
    default: return false;
  }
}

std::optional<std::string> once_key(const Vm &vm, const NativeOperation &op, const Given &given) {
  std::string key = "once:" + op.set->name + ":";
  for (const mrun_value &v : given.positional) {
    if (!add_key(vm, v, key)) return std::nullopt;
  }
  key += "k";
  if (!add_key(vm, given.keywords, key)) return std::nullopt;
  return key;
}

// ---- calls

std::vector<Value> call_now(Vm &vm, const NativeOperation &op, const Given &given) {
  TaskCall call(vm.item(), vm.call_host.get(), nullptr);
  return call_operation(*op.set, call, given.positional, given.keywords).values;
}

std::vector<Value> call_with_room(Vm &vm, const NativeOperation &op, const Given &given) {
  return with_room(vm, op, [&] { return call_now(vm, op, given); });
}

std::vector<Value> call_once(Vm &vm, const NativeOperation &op, const Given &given) {
  const auto key = once_key(vm, op, given);
  if (!key) return call_with_room(vm, op, given);
  std::vector<Value> results;
  results.push_back(vm.options.shared->get(
      *key, &vm, [&] { return std::move(call_with_room(vm, op, given).at(0)); }, [&] { poll(vm.L); }));
  return results;
}

int call_native(lua_State *L, Vm &vm) {
  const auto &op = *static_cast<const NativeOperation *>(lua_touserdata(L, lua_upvalueindex(1)));
  guard_stack(vm);
  const Arena::Scope scope(vm.arena);
  Reader reader(L, op.what.c_str(), MRUN_ARGUMENT);
  const Given given = read_arguments(L, reader, 1);
  std::vector<Value> results = op.once ? call_once(vm, op, given) : call_with_room(vm, op, given);
  want_stack(L, static_cast<int>(results.size()) + 4, "too many results");
  for (Value &v : results) push_value(L, std::move(v));
  vm.collect_native();
  return static_cast<int>(results.size());
}

bool calls_back(const Type &type) { return type.base == Base::callable || type.base == Base::any; }

bool has(const OperationSet &set, const std::function<bool(const Operation &)> &test) {
  return std::any_of(set.overloads.begin(), set.overloads.end(), [&](const Operation *op) { return test(*op); });
}

// One for each set, never taken out: Lua functions hold its address.
NativeOperation &operation(Vm &vm, const OperationSet &set) {
  for (const auto &known : vm.operations) {
    if (known->set == &set) return *known;
  }
  auto op = std::make_shared<NativeOperation>();
  op->set = &set;
  op->what = set.overloads[0]->schema.name + ": an argument";
  op->callable = has(set, [](const Operation &o) {
    return std::any_of(o.schema.parameters.begin(), o.schema.parameters.end(), [](const Parameter &p) {
      return calls_back(p.type) || (p.type.element && calls_back(*p.type.element));
    });
  });
  // call_once keeps one value; a callback is this state's own and could not be shared.
  op->once = set.overloads.size() == 1 && set.overloads[0]->once() && set.overloads[0]->schema.results.size() == 1 &&
             !op->callable;
  op->retry = !has(set, [](const Operation &o) { return o.writes; });
  vm.operations.push_back(std::move(op));
  return *vm.operations.back();
}

void push_set(lua_State *L, Vm &vm, const OperationSet &set) {
  NativeOperation &op = operation(vm, set);
  if (op.callable) {
    push_anchor(L, vm.anchors.prelude);
    lua_getfield(L, -1, "task");
    lua_remove(L, -2);
    lua_pushlightuserdata(L, &op);
    lua_call(L, 1, 1);
  } else {
    lua_pushlightuserdata(L, &op);
    lua_pushcclosure(L, function<call_native>, 1);
  }
}

int native_call(lua_State *L, Vm &) {
  push_operation(L, std::string(want_string(L, 2, "native", "name")));
  return 1;
}

int native_lookup(lua_State *L, Vm &vm) {
  const std::string name(want_string(L, 1, "native.lookup", "name"));
  Registry *const registry = vm.options.registry;
  const OperationSet *set = registry == nullptr ? nullptr : registry->find(name);
  if (set == nullptr) return 0;
  push_set(L, vm, *set);
  return 1;
}

int native_methods(lua_State *L, Vm &) {
  const std::string type(want_string(L, 1, "native.methods", "type"));
  if (lua_type(L, 2) != LUA_TTABLE) {
    fail(MRUN_ARGUMENT, "native.methods: methods: want a table, got {}", describe_lua(L, 2));
  }
  if (type == "Tensor") {
    set_tensor_methods(L, 2);
  } else {
    set_object_methods(L, type, 2);
  }
  return 0;
}

}  // namespace

void push_operation(lua_State *L, const std::string &name) {
  if (const lua_CFunction own = core_function(name)) {
    lua_pushcfunction(L, own);
    return;
  }
  Vm &vm = vm_of(L);
  if (vm.options.registry == nullptr) fail(MRUN_MISSING, "{}: there are no plugins here to bring it", printable(name));
  push_set(L, vm, vm.options.registry->require(name));
}

void push_native(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, function<native_lookup>);
  lua_setfield(L, -2, "lookup");
  lua_pushcfunction(L, function<native_methods>);
  lua_setfield(L, -2, "methods");
  lua_newtable(L);
  lua_pushcfunction(L, function<native_call>);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
}

}  // namespace mrun
