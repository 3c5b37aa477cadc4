#include "script/bridge/callback.h"

#include "script/bridge/model.h"
#include "script/bridge/native.h"
#include "script/bridge/task.h"
#include "script/vm/errors.h"

namespace mrun {

LuaFunction::LuaFunction(Vm &v, lua_State *L, int index) : vm(v), ref((lua_pushvalue(L, index), anchor(L))) {}
LuaFunction::~LuaFunction() { luaL_unref(vm.L, LUA_REGISTRYINDEX, ref); }

void open_callbacks(lua_State *L) {
  Vm &vm = vm_of(L);
  vm.call_host = std::make_unique<Callbacks>(vm);
}

std::unique_ptr<mrun_function> make_function(lua_State *L, int index) {
  Vm &vm = vm_of(L);
  const Handle *handle = handle_at(L, index);
  if (handle == nullptr) return std::make_unique<LuaFunction>(vm, L, index);
  if (handle->kind == Handle::method) return std::make_unique<ModelMethod>(handle->model_index, handle->method_index);
  const uint32_t model = handle->model_index == all_models ? 0 : handle->model_index;
  const auto &methods = vm.options.models[model].methods;
  for (uint32_t i = 0; i < methods.size(); ++i) {
    if (methods[i].name == "forward") return std::make_unique<ModelMethod>(model, i);
  }
  fail(MRUN_ARGUMENT, "model {} has no method forward; give model:method \"NAME\"", vm.options.models[model].name);
}

namespace {

// A callback's coroutine. One that did not end is given up: nothing must ever resume it.
class Borrowed {
 public:
  explicit Borrowed(Vm &vm) : vm_(vm) {
    vm.protect([&](lua_State *L) { thread = take_thread(vm, L); });
    ++vm.fiber->callbacks;
  }
  ~Borrowed() {
    --vm_.fiber->callbacks;
    give_thread(vm_, thread, ended);
  }
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  Vm::Thread thread;
  bool ended = false;

 private:
  Vm &vm_;
};

}  // namespace

std::vector<Value> Callbacks::call_lua(LuaFunction &f, std::span<const mrun_value> args) {
  guard_stack(vm_);
  Borrowed borrowed(vm_);
  lua_State *const co = borrowed.thread.state;
  vm_.protect([&](lua_State *L) {
    push_anchor(L, f.ref);
    for (const mrun_value &v : args) push_value(L, v);
    if (lua_checkstack(co, static_cast<int>(args.size()) + 1) == 0) fail(MRUN_SCRIPT, "stack overflow");
    lua_xmove(L, co, static_cast<int>(args.size()) + 1);
  });
  const int status = lua_resume(co, static_cast<int>(args.size()));
  if (status == LUA_YIELD) {
    if (vm_.fiber->stopped()) throw vm_.fiber->stop_error();
    fail(MRUN_USAGE, "a function that native code calls back cannot yield");
  }
  // First of all (memory_error): what follows allocates.
  if (status == LUA_ERRMEM) throw memory_error(vm_, co);
  std::vector<Value> results;
  vm_.protect([&](lua_State *L) {
    if (status != 0) throw error_of(L, co, status);
    const int count = lua_gettop(co);
    luaL_checkstack(L, count + 2, "too many results");
    lua_xmove(co, L, count);
    for (int i = 1; i <= count; ++i) results.push_back(to_value(L, i, "what the callback returned"));
  });
  borrowed.ended = true;
  return results;
}

std::vector<Value> Callbacks::call(mrun_call &call, mrun_function &f, std::span<const mrun_value> args) {
  if (auto *lua = dynamic_cast<LuaFunction *>(&f)) return call_lua(*lua, args);
  const auto &m = dynamic_cast<ModelMethod &>(f);
  if (!vm_.options.call_model) fail(MRUN_USAGE, "a model's method cannot be called at once here: await it");
  return vm_.options.call_model(call.item, bind_model_call(vm_, m.model, m.method, args, mrun_value{}));
}

void Callbacks::await(mrun_call &call, mrun_function &f, std::vector<Value> args, const mrun_await &how) {
  Task *const task = static_cast<TaskCall &>(call).task;
  if (task == nullptr) fail(MRUN_USAGE, "only an operation with a Callable parameter can await");
  if (task->waiting && task->how.state != how.state) fail(MRUN_USAGE, "a task awaits with the state it began with");
  for (const Operation *form : task->operation->set->overloads) {
    if (&form->schema == call.operation) task->form = form;
  }
  if (task->form == nullptr) fail(MRUN_INTERNAL, "a task of another operation");
  std::vector<std::optional<std::string>> names;
  for (size_t i = 0; how.names != nullptr && i < args.size(); ++i) {
    names.push_back(how.names[i] != nullptr ? std::optional<std::string>(how.names[i]) : std::nullopt);
  }
  // The last that may throw: of what fails the plugin layer runs destroy, of what waits the task.
  if (!task->waiting) task->fiber->tasks.push_back(task);
  task->how = how;
  task->waiting = true;
  task->awaited = &f;
  task->awaited_names = std::move(names);
  task->awaited_args = std::move(args);
}

}  // namespace mrun
