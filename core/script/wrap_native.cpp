#include "script/native.h"

#include <algorithm>

#include "script/fiber.h"
#include "script/task.h"
#include "script/wrap.h"

namespace mrun {
namespace {

// ---- MRUN_OP_ONCE: the key of a call whose arguments are assets and plain values

bool add_key(const Host &h, const mrun_value &v, std::string &key) {
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
      const auto asset = h.assets.find(static_cast<const char *>(t.data) + t.byte_offset);
      if (asset == h.assets.end() || t.ndim != 1 || !(t.dtype == dtype::uint8) ||
          (t.strides != nullptr && t.strides[0] != 1)) {
        return false;
      }
      key += fmt::format("a{}:{}:{};", asset->second.size(), asset->second, t.shape[0]);
      return true;
    }
    case MRUN_LIST:
      key += fmt::format("l{}:", v.as.list.size);
      return std::all_of(v.as.list.items, v.as.list.items + v.as.list.size,
                         [&](const mrun_value &item) { return add_key(h, item, key); });
    case MRUN_MAP:
      key += fmt::format("m{}:", v.as.map.size);
      return std::all_of(v.as.map.items, v.as.map.items + v.as.map.size, [&](const mrun_entry &e) {
        key += fmt::format("{}:", e.key.size);
        key.append(e.key.data, e.key.size);
        return add_key(h, e.value, key);
      });
    default: return false;
  }
}

std::optional<std::string> once_key(const Host &h, const NativeOperation &op, const Given &given) {
  std::string key = "once:" + op.set->name + ":";
  for (const mrun_value &v : given.positional) {
    if (!add_key(h, v, key)) return std::nullopt;
  }
  key += "k";
  if (!add_key(h, given.keywords, key)) return std::nullopt;
  return key;
}

// ---- calls

std::vector<Value> call_now(Host &h, const NativeOperation &op, const Given &given) {
  TaskCall call(h.item(), h.callbacks.get(), nullptr);
  return call_operation(*op.set, call, given.positional, given.keywords).values;
}

std::vector<Value> call(Host &h, const NativeOperation &op, const Given &given) {
  ItemContext &item = h.item();
  const uint64_t draws = item.draws.load();
  try {
    return call_now(h, op, given);
  } catch (const Error &e) {
    if (e.code != MRUN_QUOTA || !op.retry) throw;
  }
  h.collect();  // garbage may have held the memory
  item.draws.store(draws);
  return call_now(h, op, given);
}

std::vector<Value> call_once(Host &h, const NativeOperation &op, const Given &given) {
  const auto key = once_key(h, op, given);
  if (!key) return call(h, op, given);
  std::vector<Value> results;
  results.push_back(h.options.shared->get(*key, [&] { return std::move(call(h, op, given).at(0)); }));
  return results;
}

int call_native(lua_State *L, Host &h) {
  const auto &op = *static_cast<const NativeOperation *>(lua_touserdata(L, lua_upvalueindex(1)));
  guard_stack(h);
  const Arena::Scope scope(h.arena);
  Reader reader(L, op.what.c_str(), MRUN_ARGUMENT);
  const Given given = read_arguments(L, reader, 1);
  const std::vector<Value> results = op.once ? call_once(h, op, given) : call(h, op, given);
  want_stack(L, static_cast<int>(results.size()) + 4, "too many results");
  for (const Value &v : results) push_value(L, v);
  h.collect_native();
  return static_cast<int>(results.size());
}

bool calls_back(const Type &type) { return type.base == Base::callable || type.base == Base::any; }

bool has(const OperationSet &set, const std::function<bool(const Operation &)> &test) {
  return std::any_of(set.overloads.begin(), set.overloads.end(), [&](const Operation *op) { return test(*op); });
}

NativeOperation &operation(Host &h, const OperationSet &set) {
  for (const auto &known : h.operations) {
    if (known->set == &set) return *known;
  }
  auto op = std::make_unique<NativeOperation>();
  op->set = &set;
  op->what = set.overloads[0]->schema.name + ": an argument";
  op->callable = has(set, [](const Operation &o) {
    return std::any_of(o.schema.parameters.begin(), o.schema.parameters.end(), [](const Parameter &p) {
      return calls_back(p.type) || (p.type.element && calls_back(*p.type.element));
    });
  });
  op->once = set.overloads.size() == 1 && set.overloads[0]->once() && set.overloads[0]->schema.results.size() == 1 &&
             !op->callable;
  op->retry = !has(set, [](const Operation &o) { return o.writes; });
  h.operations.push_back(std::move(op));
  return *h.operations.back();
}

void push_set(lua_State *L, Host &h, const OperationSet &set) {
  NativeOperation &op = operation(h, set);
  if (op.callable) {
    push_anchor(L, h.anchors.prelude);
    lua_getfield(L, -1, "task");
    lua_remove(L, -2);
    lua_pushlightuserdata(L, &op);
    lua_call(L, 1, 1);
  } else {
    lua_pushlightuserdata(L, &op);
    lua_pushcclosure(L, function<call_native>, 1);
  }
}

int native_call(lua_State *L, Host &) {
  push_operation(L, std::string(want_string(L, 2, "native", "name")));
  return 1;
}

int native_lookup(lua_State *L, Host &h) {
  const OperationSet *set = Registry::get().find(std::string(want_string(L, 1, "native.lookup", "name")));
  if (set == nullptr) return 0;
  push_set(L, h, *set);
  return 1;
}

int native_methods(lua_State *L, Host &) {
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

Given read_arguments(lua_State *L, Reader &reader, int first) {
  int count = lua_gettop(L) - first + 1;
  Given given;
  if (count <= 0) return given;
  const int last = first + count - 1;
  if (reader.is_keywords(last)) {  // or an argument, where the schema wants a map there: Arguments decides
    given.keywords = reader.read(last);
    --count;
  }
  auto *values = host_of(L).arena.make<mrun_value>(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) values[i] = reader.read(first + i);
  given.positional = {values, static_cast<size_t>(count)};
  return given;
}

void push_operation(lua_State *L, const std::string &name) {
  if (const lua_CFunction own = core_function(name)) {
    lua_pushcfunction(L, own);
  } else {
    push_set(L, host_of(L), Registry::get().require(name));
  }
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
