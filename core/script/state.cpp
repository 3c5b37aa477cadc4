#include "script/state.h"

#include "script/convert.h"
#include "script/errors.h"
#include "script/fiber.h"
#include "script/source.h"
#include "script/wrap.h"

namespace mrun {

const char *stage_name(Stage s) {
  static const char *const names[] = {"preprocess", "forward", "postprocess"};
  return names[static_cast<int>(s)];
}

const char *stage_file(Stage s) {
  static const char *const files[] = {"preprocess.lua", "forward.lua", "postprocess.lua"};
  return files[static_cast<int>(s)];
}

struct State::Impl : Host {
  using Host::Host;

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
  code.top_level = true;
  if (options.timeout > 0) {
    code.deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.timeout));
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
    Error e(MRUN_SCRIPT, fmt::format("{}: must return one function, it returned {}", file,
                                     lua_gettop(code.co()) == 0   ? "nothing"
                                     : lua_gettop(code.co()) == 1 ? "a " + std::string(luaL_typename(code.co(), 1))
                                                                  : "several values"));
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
      return_lines[static_cast<int>(stage)] = only_return(texts[file], info.linedefined, info.lastlinedefined);
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
  impl_->frozen = true;
}

State::~State() = default;

bool State::has(Stage stage) const { return impl_->stages[static_cast<int>(stage)] != LUA_NOREF; }

std::unique_ptr<Fiber> State::start(Stage stage, std::vector<Value> args, std::shared_ptr<ItemContext> item,
                                    std::function<void(Value)> emit) {
  Impl &h = *impl_;
  if (!has(stage)) fail(MRUN_USAGE, "the bundle has no {}", stage_file(stage));
  auto fiber = std::make_unique<FiberImpl>(h, stage_name(stage), std::move(item));
  fiber->script = stage_file(stage);
  fiber->return_line = h.return_lines[static_cast<int>(stage)];
  fiber->emit = std::move(emit);
  fiber->emits = stage != Stage::preprocess;
  fiber->calls_models = stage == Stage::forward;
  fiber->most_results = stage == Stage::preprocess ? 2 : 1;
  if (h.used > h.soft_limit) h.collect();  // what the last item left
  h.protect([&](lua_State *L) {
    fiber->thread = take_thread(h, L);
    push_anchor(L, h.stages[static_cast<int>(stage)]);
    h.push_arguments(L, stage, args);
    lua_xmove(L, fiber->co(), lua_gettop(L));
  });
  h.collect_native();
  return std::make_unique<Fiber>(std::move(fiber));
}

int64_t State::lua_bytes() const { return impl_->used; }
bool State::over_memory() const { return impl_->overflowed; }
void State::collect() { impl_->collect(); }

}  // namespace mrun
