#include "script/bridge/task.h"

#include <algorithm>
#include <iterator>

#include "base/let_go.h"
#include "base/text.h"
#include "plugin/serial.h"
#include "script/bridge/model.h"
#include "script/bridge/native.h"
#include "script/vm/errors.h"

namespace mrun {

Task::Task(Vm &v) : vm(v) { functions.make = make_function; }

Task::~Task() { end(); }

TaskCall &Task::begin_call() {
  calls.push_back(std::make_unique<TaskCall>(*item, vm.call_host.get(), this));
  return *calls.back();
}

void Task::end() {
  // The plugin's state first: it may still look at the arguments and functions that it was given.
  if (waiting) {
    waiting = false;
    std::erase(fiber->tasks, this);
    if (how.destroy != nullptr) let_go("a task", [&] { how.destroy(how.state); });
  }
  awaited = nullptr;
  awaited_args.clear();
  got.clear();
  args.clear();
  keywords = Value();
  calls.clear();
  functions.made.clear();
}

namespace {

Task &task_at(lua_State *L, int index) {
  Handle *handle = handle_at(L, index, Handle::task);
  if (handle == nullptr) fail(MRUN_INTERNAL, "no task");
  return *static_cast<Task *>(handle->pointer);
}

// The model call that the task awaits: its arguments where the method's schema has them.
ModelCall bind_awaited(Task &task, const ModelMethod &m) {
  const Schema &schema = task.vm.options.models[m.model].methods[m.method];
  std::vector<mrun_value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
  for (size_t i = 0; i < task.awaited_args.size(); ++i) {
    if (i >= task.awaited_names.size() || !task.awaited_names[i]) {
      positional.push_back(task.awaited_args[i].c());
      continue;
    }
    const std::string &name = *task.awaited_names[i];
    const auto p = std::find_if(schema.parameters.begin(), schema.parameters.end(),
                                [&](const Parameter &known) { return known.is_called(name); });
    const auto place = static_cast<size_t>(p - schema.parameters.begin());
    if (p == schema.parameters.end()) {
      fail(MRUN_ARGUMENT, "{}: no parameter is called \"{}\"", schema.name, printable(name, 60));
    }
    if (p->keyword_only) {
      keywords.emplace_back(name, task.awaited_args[i]);
      continue;
    }
    if (positional.size() <= place) positional.resize(place + 1, mrun_value{});
    if (positional[place].kind != MRUN_NIL) fail(MRUN_ARGUMENT, "{}: {}: is given twice", schema.name, name);
    positional[place] = task.awaited_args[i].c();
  }
  const Value named = keywords.empty() ? Value() : Value::map(std::move(keywords));
  ModelCall call = bind_model_call(task.vm, m.model, m.method, positional, named.c());
  task.awaited_args.clear();
  return call;
}

// What the task awaits, where that is an operation.
void run_operation(Task &task, const OperationSet &set) {
  std::vector<mrun_value> args;
  for (const Value &v : task.awaited_args) args.push_back(v.c());
  mrun_call call(*task.item, task.vm.call_host.get());
  call.may_await = false;
  task.got = call_operation(set, call, args).values;
}

// Gives the task what it awaited. True: it has ended, with results.
bool resume_once(Task &task) {
  const OperationSet &set = *task.operation->set;
  const Operation &operation = *task.form;
  const Schema &schema = operation.schema;
  TaskCall call(*task.item, task.vm.call_host.get(), &task);
  const SerialGuard serial(operation.serial(), *operation.plugin, schema.name, [&] { return call.stopped(); });
  call.registry = set.registry;
  call.resuming = true;
  call.operation = &schema;
  std::vector<Value> got = std::move(task.got);
  std::vector<Value> results(schema.results.size());
  auto *raw = reinterpret_cast<mrun_value *>(got.data());
  call.arguments = {raw, got.size()};
  call.task_arguments = task.calls.front()->bound.front()->values();
  const auto [code, wrong] = run_native(schema.name, results, [&] {
    return task.how.resume(&call, task.how.state, raw, got.size(), reinterpret_cast<mrun_value *>(results.data()));
  });
  // What this call found and charged stays until destroy.
  mrun_call &first = *task.calls.front();
  first.charged += call.charged.exchange(0);
  std::move(call.found.begin(), call.found.end(), std::back_inserter(first.found));
  if (code == MRUN_PENDING) {
    if (!call.awaiting) fail(MRUN_INTERNAL, "{}: returned MRUN_PENDING without awaiting anything", schema.name);
    return false;
  }
  if (code != MRUN_OK) {
    Error e = take_error(call, code);
    if (e.operation.empty()) {
      e.operation = schema.full_name();
      if (e.message.compare(0, schema.name.size(), schema.name) != 0)
        e.message = fmt::format("{}: {}", schema.name, e.message);
    }
    throw e;
  }
  check_results(schema, operation.plugin->name, results, wrong);
  task.results = std::move(results);
  task.end();
  return true;
}

// Goes on until the task has ended (true) or awaits a Lua function or a model. given: what it awaited has come.
bool advance(Task &task, bool given) {
  try {
    for (;; given = false) {
      if (!given) {
        const auto *operation = dynamic_cast<const OperationFunction *>(task.awaited);
        if (operation == nullptr) return false;
        run_operation(task, operation->set);
      }
      if (resume_once(task)) return true;
    }
  } catch (const Error &) {
    task.end();
    throw;
  }
}

int push_results(lua_State *L, Task &task) {
  want_stack(L, static_cast<int>(task.results.size()) + 4, "too many results");
  for (const Value &v : task.results) push_value(L, v);
  vm_of(L).collect_native();
  return static_cast<int>(task.results.size());
}

}  // namespace

int task_start(lua_State *L, Vm &vm) {
  const auto &op = *static_cast<const NativeOperation *>(lua_touserdata(L, 1));
  guard_stack(vm);
  Handle &handle = push_handle(L, Handle::task, vm.anchors.task);
  lua_insert(L, 1);  // keeps it alive; arguments are from 3 on
  auto *task = new Task(vm);
  handle.pointer = task;
  handle.destroy = [](void *t) { delete static_cast<Task *>(t); };
  task->operation = &op;
  task->fiber = vm.fiber;
  task->item = vm.fiber->item;
  {
    const Arena::Scope scope(vm.arena);
    Reader reader(L, op.what.c_str(), MRUN_ARGUMENT, &task->functions);
    const Given given = read_arguments(L, reader, 3);
    // A callback could change the tables that these are borrowed from.
    for (const mrun_value &v : given.positional) task->args.push_back(Value::copy(v));
    task->keywords = Value::copy(given.keywords);
  }
  std::vector<mrun_value> args;
  for (const Value &v : task->args) args.push_back(v.c());
  CallResult result = with_room(vm, op, [&] {
    // With room after a collection it is called anew: nothing of the first try is kept.
    task->calls.clear();
    return call_operation(*op.set, task->begin_call(), args, task->keywords.c());
  });
  if (result.pending && !advance(*task, false)) {
    lua_pushvalue(L, 1);
    return 1;
  }
  if (!result.pending) {
    task->results = std::move(result.values);
    task->end();
  }
  lua_settop(L, 1);
  lua_pushnil(L);
  return 1 + push_results(L, *task);
}

int task_awaited(lua_State *L, Vm &vm) {
  Task &task = task_at(L, 1);
  if (const auto *f = dynamic_cast<LuaFunction *>(task.awaited)) {
    push_anchor(L, f->ref);
    return 1;
  }
  const auto *m = dynamic_cast<ModelMethod *>(task.awaited);
  if (m == nullptr) fail(MRUN_INTERNAL, "a task awaits nothing");
  try {
    ModelCall call = bind_awaited(task, *m);
    call.rows = (task.how.flags & MRUN_AWAIT_ROWS) != 0;
    begin_model_call(L, vm, std::move(call));
  } catch (const Error &) {
    task.end();
    throw;
  }
  return 0;
}

int task_arguments(lua_State *L, Vm &) {
  const Task &task = task_at(L, 1);
  want_stack(L, static_cast<int>(task.awaited_args.size()) + 4, "too many arguments");
  for (const Value &v : task.awaited_args) push_value(L, v);
  return static_cast<int>(task.awaited_args.size());
}

int task_deliver(lua_State *L, Vm &) {
  Task &task = task_at(L, 1);
  if (lua_toboolean(L, 2) == 0) {
    task.end();
    lua_settop(L, 3);
    lua_error(L);
  }
  for (int i = 3; i <= lua_gettop(L); ++i) task.got.push_back(to_value(L, i, "what the callback returned"));
  return 0;
}

int task_resume(lua_State *L, Vm &vm) {
  Task &task = task_at(L, 1);
  if (dynamic_cast<ModelMethod *>(task.awaited) != nullptr) {
    try {
      task.got = take_model_results(vm);
    } catch (const Error &) {
      task.end();
      throw;
    }
  }
  lua_pushboolean(L, advance(task, true) ? 1 : 0);
  return 1;
}

int task_results(lua_State *L, Vm &) { return push_results(L, task_at(L, 1)); }

void open_tasks(lua_State *L) {
  begin_metatable(L);
  vm_of(L).anchors.task = anchor(L);
}

}  // namespace mrun
