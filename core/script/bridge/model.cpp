// model(x), model:encode(x), model.NAME(x), model:method "step": what forward.lua calls.
#include "script/bridge/model.h"

#include "base/text.h"
#include "script/bridge/convert.h"
#include "script/vm/errors.h"
#include "script/vm/fiber.h"
#include "script/vm/idioms.h"

namespace mrun {
namespace {

// A method among those of all models, as Lua knows it: a number that holds both places. Exact for two million models.
double key_of(uint32_t model, uint32_t method) { return model * 0x1p32 + method; }

constexpr const char *an_argument = "an argument";

std::optional<uint32_t> find_method(const ModelInfo &model, std::string_view name) {
  for (uint32_t i = 0; i < model.methods.size(); ++i) {
    if (model.methods[i].name == name) return i;
  }
  return std::nullopt;
}

uint32_t resolve_model(const Vm &vm, uint32_t handle) {
  if (handle != all_models) return handle;
  for (uint32_t i = 0; i < vm.options.models.size(); ++i) {
    if (vm.options.models[i].name == "main") return i;
  }
  std::string names;
  for (const ModelInfo &m : vm.options.models) names += (names.empty() ? "model." : ", model.") + m.name;
  fail(MRUN_ARGUMENT, "there are several models: say which, {}", names);
}

uint32_t want_method(const Vm &vm, uint32_t model, std::string_view name) {
  const ModelInfo &info = vm.options.models[model];
  if (const auto found = find_method(info, name)) return *found;
  std::vector<std::string> names;
  for (const Schema &m : info.methods) names.push_back(m.name);
  std::string text;
  for (const std::string &n : names) text += (text.empty() ? "" : ", ") + n;
  const std::string meant = did_you_mean(name, names);
  fail(MRUN_ARGUMENT, "model {} has no method {}; it has {}{}", info.name, printable(name, 60), text,
       meant.empty() ? idiom("model", name) : meant);
}

// The Lua function that calls a method.
void push_method(lua_State *L, uint32_t model, uint32_t method) {
  const Vm &vm = vm_of(L);
  const double key = key_of(model, method);
  push_anchor(L, vm.anchors.methods);
  lua_pushnumber(L, key);
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    push_anchor(L, vm.anchors.prelude);
    lua_getfield(L, -1, "method");
    lua_remove(L, -2);
    lua_pushnumber(L, key);
    lua_call(L, 1, 1);
    lua_pushnumber(L, key);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
}

const Handle &model_at(lua_State *L, int index) {
  const Handle *handle = handle_at(L, index, Handle::model);
  if (handle == nullptr) fail(MRUN_ARGUMENT, "want a model before the colon, got {}", describe_lua(L, index));
  return *handle;
}

int model_method(lua_State *L, Vm &vm) {
  const uint32_t model = resolve_model(vm, model_at(L, 1).model_index);
  const uint32_t method = want_method(vm, model, want_string(L, 2, "model:method", "name"));
  Handle &handle = push_handle(L, Handle::method, vm.anchors.method);
  handle.model_index = model;
  handle.method_index = method;
  return 1;
}

int model_index(lua_State *L, Vm &vm) {
  const uint32_t handle = model_at(L, 1).model_index;
  const std::string_view name = want_string(L, 2, "model", "name");
  for (uint32_t i = 0; i < vm.options.models.size(); ++i) {
    if (vm.options.models[i].name != name || (handle != all_models && find_method(vm.options.models[i], name)))
      continue;
    push_handle(L, Handle::model, vm.anchors.model).model_index = i;
    return 1;
  }
  if (name == "method") {
    lua_pushcfunction(L, function<model_method>);
    return 1;
  }
  const uint32_t model = resolve_model(vm, handle);
  push_method(L, model, want_method(vm, model, name));
  return 1;
}

int model_text(lua_State *L, Vm &vm) {
  const Handle &handle = *handle_at(L, 1);
  const std::string text =
      handle.model_index == all_models ? "models" : "model " + vm.options.models[handle.model_index].name;
  lua_pushlstring(L, text.data(), text.size());
  return 1;
}

// method.parameters: their names.
int method_index(lua_State *L, Vm &vm) {
  const Handle *handle = handle_at(L, 1, Handle::method);
  const std::string_view name = want_string(L, 2, "a model's method", "name");
  if (handle == nullptr || name != "parameters") {
    fail(MRUN_ARGUMENT, "a model's method has no field {}; it has parameters", printable(name, 60));
  }
  lua_newtable(L);
  int place = 0;
  for (const Parameter &p : vm.options.models[handle->model_index].methods[handle->method_index].parameters) {
    lua_pushlstring(L, p.name.data(), p.name.size());
    lua_rawseti(L, -2, ++place);
  }
  return 1;
}

int frozen(lua_State *, Vm &) { fail(MRUN_SCRIPT, "a model has no fields that can be set"); }

void add_call(lua_State *L) {
  push_anchor(L, vm_of(L).anchors.prelude);
  lua_getfield(L, -1, "method");
  lua_remove(L, -2);
  lua_call(L, 0, 1);
  lua_setfield(L, -2, "__call");
  lua_pushcfunction(L, function<model_text>);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, function<frozen>);
  lua_setfield(L, -2, "__newindex");
}

}  // namespace

ModelCall bind_model_call(const Vm &vm, uint32_t model, uint32_t method, std::span<const mrun_value> positional,
                          const mrun_value &keywords) {
  const Arguments bound(vm.options.models[model].methods[method], positional, keywords);
  ModelCall call{model, method, {}, false};
  call.args.reserve(bound.values().size());
  for (const mrun_value &v : bound.values()) {
    if (v.kind == MRUN_OBJECT && v.as.object->type->to_tensor != nullptr) {
      mrun_call settling(vm.item());
      settling.registry = vm.options.registry;
      call.args.push_back(tensor_of(*v.as.object, settling));
    } else {
      call.args.push_back(Value::copy(v));
    }
  }
  return call;
}

void begin_model_call(lua_State *L, Vm &vm, ModelCall call) {
  FiberImpl &fiber = *vm.fiber;
  if (!fiber.calls_models) fail(MRUN_SCRIPT, "models can be called in forward.lua only, this is {}", fiber.stage);
  if (fiber.callbacks > 0) {
    fail(MRUN_USAGE, "a model cannot be called inside a function that a native operation calls back");
  }
  if (lua_isyieldable(L) == 0) {
    fail(MRUN_SCRIPT, "a model cannot be called inside table.sort, string.gsub, tostring or top-level code");
  }
  fiber.pending = std::move(call);
  fiber.ready = false;
}

std::vector<Value> take_model_results(Vm &vm) {
  FiberImpl &fiber = *vm.fiber;
  if (!fiber.ready) fail(MRUN_SCRIPT, "a coroutine that waits for a model was resumed");
  fiber.ready = false;
  if (fiber.failure) {
    const Error e = std::move(*fiber.failure);
    fiber.failure.reset();
    throw e;
  }
  return std::move(fiber.results);
}

// The text that names the call is made where there is an error: for every call it would cost as much as reading it.
static Given read_call(lua_State *L, Reader &reader, const std::string &model, const std::string &method) {
  try {
    return read_arguments(L, reader, 3);
  } catch (Error &e) {
    const Handle *const first = handle_at(L, 3, Handle::model);
    if (first != nullptr && first->model_index == all_models) {
      fail(MRUN_ARGUMENT, "model {}: call it as model.{}(…), with a point", model, model);
    }
    if (e.message.starts_with(an_argument)) e.message = fmt::format("model {}: {}: {}", model, method, e.message);
    throw;
  }
}

// The model and its method that a call is of: by number, or those that were called themselves.
static std::pair<uint32_t, uint32_t> called(lua_State *L, const Vm &vm) {
  if (lua_type(L, 1) == LUA_TNUMBER) {
    const auto key = static_cast<uint64_t>(lua_tonumber(L, 1));  // of key_of
    return {static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)};
  }
  const Handle &handle = *handle_at(L, 2);
  if (handle.kind == Handle::method) return {handle.model_index, handle.method_index};
  const uint32_t model = resolve_model(vm, handle.model_index);
  return {model, want_method(vm, model, "forward")};
}

int model_begin(lua_State *L, Vm &vm) {
  const auto [model, method] = called(L, vm);
  const ModelInfo &info = vm.options.models[model];
  const Schema &schema = info.methods[method];
  // model.NAME(x) and model(x) pass the model or method as self; model:encode(x) the model.
  if (handle_at(L, 2, Handle::model) == nullptr && handle_at(L, 2, Handle::method) == nullptr) {
    fail(MRUN_ARGUMENT, "model {}: call it as model:{}(…), with a colon", info.name, schema.name);
  }
  const Arena::Scope scope(vm.arena);
  Reader reader(L, an_argument, MRUN_ARGUMENT, nullptr, true);
  const Given given = read_call(L, reader, info.name, schema.name);
  begin_model_call(L, vm, bind_model_call(vm, model, method, given.positional, given.keywords));
  return 0;
}

int model_results(lua_State *L, Vm &vm) {
  std::vector<Value> results = take_model_results(vm);
  want_stack(L, static_cast<int>(results.size()) + 4, "too many results");
  for (Value &v : results) push_value(L, std::move(v));
  vm.collect_native();
  return static_cast<int>(results.size());
}

namespace {

void make_metatables(lua_State *L) {
  Vm &vm = vm_of(L);
  lua_newtable(L);
  vm.anchors.methods = anchor(L);
  begin_metatable(L);
  lua_pushcfunction(L, function<model_index>);
  lua_setfield(L, -2, "__index");
  add_call(L);
  vm.anchors.model = anchor(L);
  begin_metatable(L);
  lua_pushcfunction(L, function<method_index>);
  lua_setfield(L, -2, "__index");
  add_call(L);
  vm.anchors.method = anchor(L);
}

// The first argument of forward.
void push_models(lua_State *L) {
  const Vm &vm = vm_of(L);
  if (vm.options.models.empty()) {
    lua_pushnil(L);
  } else {
    push_handle(L, Handle::model, vm.anchors.model).model_index = vm.options.models.size() == 1 ? 0 : all_models;
  }
}

}  // namespace

void open_models(lua_State *L) {
  make_metatables(L);
  push_models(L);
  vm_of(L).anchors.models = anchor(L);
}

}  // namespace mrun
