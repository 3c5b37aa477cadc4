#include "script/state.h"

#include "script/bridge/callback.h"
#include "script/bridge/constant.h"
#include "script/bridge/convert.h"
#include "script/bridge/model.h"
#include "script/bridge/object.h"
#include "script/bridge/task.h"
#include "script/bridge/tensor.h"
#include "script/bridge/vocabulary.h"
#include "script/lua/sandbox.h"
#include "script/lua/source.h"
#include "script/vm/arguments.h"
#include "script/vm/errors.h"
#include "script/vm/fiber.h"
#include "script/vm/hints.h"
#include "script/vm/hook.h"

namespace mrun {

const char *stage_name(Stage s) {
  static const char *const names[] = {"preprocess", "forward", "postprocess"};
  return names[static_cast<int>(s)];
}

const char *stage_file(Stage s) {
  static const char *const files[] = {"preprocess.lua", "forward.lua", "postprocess.lua"};
  return files[static_cast<int>(s)];
}

namespace {

void open_params(lua_State *L) {
  Vm &vm = vm_of(L);
  push_constant(L, vm.options.params.is_map() ? vm.options.params : Value::map({}));
  vm.anchors.params = anchor(L);
}

// What scripts see, from the machine up.
constexpr Opener openers[] = {open_errors,    open_hints,        open_hook,    open_convert, open_objects,
                              open_constants, open_callbacks,    open_tasks,   open_sandbox, open_tensors,
                              open_models,    open_vocabularies, open_modules, open_params};

// Takes what the stage's function returned: as many values as its contract allows.
void take_stage_results(FiberImpl &fiber) {
  lua_State *const co = fiber.co();
  int count = lua_gettop(co);
  while (count > 0 && lua_isnil(co, count)) --count;
  if (static_cast<size_t>(count) > fiber.most_results) {
    fail(MRUN_SCRIPT, "{} returned {} values, want at most {}; a list of them is one: return {{…}}", fiber.stage, count,
         fiber.most_results);
  }
  fiber.results.assign(fiber.most_results, Value());
  lua_settop(co, count);
  fiber.vm.protect([&](lua_State *L) {
    lua_xmove(co, L, count);
    for (int i = 1; i <= count; ++i) {
      const std::string what =
          i == 1 ? fmt::format("what {} returned", fiber.stage) : fmt::format("the context of {}", fiber.stage);
      fiber.results[static_cast<size_t>(i) - 1] = to_value(L, i, what.c_str());
    }
  });
}

// What is made for a fiber before it runs is its item's.
class ItemOf {
 public:
  ItemOf(Vm &vm, ItemContext &item) : vm_(vm), outer_(std::exchange(vm.running, &item)) {}
  ~ItemOf() { vm_.running = outer_; }
  ItemOf(const ItemOf &) = delete;
  ItemOf &operator=(const ItemOf &) = delete;

 private:
  Vm &vm_;
  ItemContext *const outer_;
};

}  // namespace

struct State::Impl : Vm {
  explicit Impl(StateOptions o) : Vm(std::move(o), openers) {}

  void load(Stage);
  void push_arguments(lua_State *, Stage, const std::vector<Value> &args);
};

// Runs the file's top-level code and keeps the function that it returns.
void State::Impl::load(Stage stage) {
  const char *const file = stage_file(stage);
  if (!options.bundle->has(file)) return;
  setup->log = [this, stage](int level, const std::string &text) {
    if (options.log) options.log(level, stage_name(stage), text);
  };
  FiberImpl code(*this, stage_name(stage), setup);
  constexpr double forever = 1e9;  // seconds; beyond it a deadline would overflow the clock
  if (options.timeout > 0 && options.timeout < forever) {
    code.deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.timeout));
    setup->deadline = std::chrono::nanoseconds(code.deadline.time_since_epoch()).count();  // native code looks there
  }
  try {
    protect([&](lua_State *l) {
      code.thread = take_thread(*this, l);
      load_script(l, file, options.bundle->text(file), false);
      lua_xmove(l, code.co(), 1);
    });
  } catch (Error &e) {
    if (e.stage.empty()) e.stage = stage_name(stage);
    throw;
  }
  Fiber::Status status;
  do { status = code.run(0); } while (status == Fiber::Status::preempted);
  if (status != Fiber::Status::finished) throw code.error;
  if (lua_gettop(code.co()) != 1 || lua_type(code.co(), 1) != LUA_TFUNCTION) {
    Error e(MRUN_SCRIPT, fmt::format("{}: must return one function, it returned {}; return function{} … end", file,
                                     lua_gettop(code.co()) == 0   ? "nothing"
                                     : lua_gettop(code.co()) == 1 ? describe_lua(code.co(), 1)
                                                                  : "several values",
                                     parameters_of_stage(file)));
    e.stage = stage_name(stage);
    e.script = file;
    throw e;
  }
  protect([&](lua_State *l) {
    lua_xmove(code.co(), l, 1);
    lua_Debug info;
    lua_pushvalue(l, -1);
    lua_getinfo(l, ">S", &info);
    if (std::string_view(info.source).substr(1) == file) {
      return_lines[static_cast<int>(stage)] = mrun::return_lines(texts[file], info.linedefined, info.lastlinedefined);
    }
    stages[static_cast<int>(stage)] = anchor(l);
  });
}

// What comes from outside the scripts is read-only: the input, also where no script has touched it, and a context.
void State::Impl::push_arguments(lua_State *l, Stage stage, const std::vector<Value> &args) {
  const auto has = [&](Stage s) { return stages[static_cast<int>(s)] != LUA_NOREF; };
  const auto push = [&](size_t i, bool readonly) {
    if (i < args.size()) {
      push_value(l, args[i], readonly);
    } else {
      lua_pushnil(l);
    }
  };
  const bool raw = !has(Stage::preprocess);
  switch (stage) {
    case Stage::preprocess:
      push(0, true);
      push_anchor(l, anchors.params);
      break;
    case Stage::forward:
      push_anchor(l, anchors.models);
      push(0, raw);
      push_anchor(l, anchors.params);
      push(1, true);
      break;
    case Stage::postprocess:
      push(0, raw && !has(Stage::forward) && options.models.empty());
      push_anchor(l, anchors.params);
      push(1, true);
      break;
  }
}

State::State(StateOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  for (const Stage stage : {Stage::preprocess, Stage::forward, Stage::postprocess}) impl_->load(stage);
  impl_->setup->deadline = std::numeric_limits<int64_t>::max();
  impl_->frozen = true;
}

State::~State() = default;

bool State::has(Stage stage) const { return impl_->stages[static_cast<int>(stage)] != LUA_NOREF; }

std::unique_ptr<Fiber> State::start(Stage stage, std::vector<Value> args, std::shared_ptr<ItemContext> item,
                                    std::function<void(Value)> emit) {
  Impl &vm = *impl_;
  if (!has(stage)) fail(MRUN_USAGE, "the bundle has no {}", stage_file(stage));
  auto fiber = std::make_unique<FiberImpl>(vm, stage_name(stage), std::move(item));
  fiber->script = stage_file(stage);
  fiber->return_lines = vm.return_lines[static_cast<int>(stage)];
  fiber->emit = std::move(emit);
  fiber->emits = stage != Stage::preprocess;
  fiber->calls_models = stage == Stage::forward;
  fiber->take_results = take_stage_results;
  fiber->most_results = stage == Stage::preprocess ? 2 : 1;
  if (vm.used > vm.soft_limit) vm.collect();  // what the last item left
  const ItemOf scope(vm, *fiber->item);
  vm.protect([&](lua_State *L) {
    fiber->thread = take_thread(vm, L);
    push_anchor(L, vm.stages[static_cast<int>(stage)]);
    vm.push_arguments(L, stage, args);
    lua_xmove(L, fiber->co(), lua_gettop(L));
  });
  vm.collect_native();
  return std::make_unique<Fiber>(std::move(fiber));
}

int64_t State::lua_bytes() const { return impl_->used; }
bool State::over_memory() const { return impl_->overflowed; }
void State::collect() { impl_->collect(); }

Fiber::Fiber(std::unique_ptr<FiberImpl> impl) : impl_(std::move(impl)) {}
Fiber::~Fiber() = default;

FiberStatus Fiber::resume() {
  const int given = impl_->preempted || impl_->co() == nullptr ? 0 : lua_gettop(impl_->co()) - 1;
  return impl_->run(given < 0 ? 0 : given);
}

FiberStatus Fiber::resume(std::vector<Value> results) {
  impl_->results = std::move(results);
  impl_->ready = true;
  impl_->pending.reset();
  return impl_->run(0);
}

FiberStatus Fiber::resume(const Error &e) {
  impl_->failure = e;
  impl_->ready = true;
  impl_->pending.reset();
  return impl_->run(0);
}

ModelCall &Fiber::call() { return *impl_->pending; }
std::vector<Value> &Fiber::results() { return impl_->results; }
const Error &Fiber::error() const { return impl_->error; }

}  // namespace mrun
