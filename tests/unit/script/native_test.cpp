// Native operations from Lua: calls, keywords, callbacks, tasks, objects, memory. The plugin is linked in.
#include <fenv.h>
#include <mrun/plugin.h>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

const mrun_host *host = nullptr;
int things_made = 0, tasks_alive = 0;

mrun_value number(double d) {
  mrun_value v{};
  v.kind = MRUN_FLOAT;
  v.as.number = d;
  return v;
}

int add(mrun_call *, const mrun_value *args, mrun_value *results, void *) {
  results[0] = number(args[0].as.number + args[1].as.number);
  return MRUN_OK;
}

int zeros(mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
  const int64_t n = args[0].as.integer;
  return host->tensor_new(call, DLDataType{kDLUInt, 8, 1}, &n, 1, DLDevice{kDLCPU, 0}, results);
}

int apply(mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
  size_t count = 1;
  return host->call(call, args[0].as.function, &args[1], 1, results, &count);
}

const mrun_type thing = {sizeof(mrun_type), MRUN_TYPE_SHAREABLE, "t.Thing", "", [](void *) {}, nullptr};
constexpr int64_t thing_bytes = 100000;
int make(mrun_call *call, const mrun_value *, mrun_value *results, void *) {
  ++things_made;
  if (const int code = host->charge(call, thing_bytes); code != MRUN_OK) return code;
  return host->object_new(call, &thing, &things_made, results);
}
int thing_number(mrun_call *, const mrun_value *, mrun_value *results, void *) {
  results[0] = number(42);
  return MRUN_OK;
}

// Awaits f(sum) n times and adds up what it gives.
struct Loop {
  mrun_function *f;
  int64_t left;
  double sum;
};
int wait(mrun_call *call, Loop *loop);
int resume(mrun_call *call, void *state, mrun_value *got, size_t count, mrun_value *results) {
  auto *loop = static_cast<Loop *>(state);
  if (count != 1 || got[0].kind != MRUN_FLOAT) return host->fail(call, MRUN_ARGUMENT, "want one number");
  loop->sum += got[0].as.number;
  if (--loop->left > 0) return wait(call, loop);
  results[0] = number(loop->sum);
  return MRUN_OK;
}
bool await_names = false;

int wait(mrun_call *call, Loop *loop) {
  mrun_await how = {sizeof(mrun_await),
                    MRUN_AWAIT_ROWS,
                    loop,
                    resume,
                    [](void *state) {
                      --tasks_alive;
                      delete static_cast<Loop *>(state);
                    },
                    nullptr};
  mrun_value argument = number(loop->sum);
  static const char *const names[] = {"x"};
  if (await_names) how.names = names;
  return host->await(call, loop->f, &argument, 1, &how);
}
int loop(mrun_call *call, const mrun_value *args, mrun_value *, void *) {
  ++tasks_alive;
  return wait(call, new Loop{args[0].as.function, args[1].as.integer, 1});
}

// Once it is resumed, it works with the arguments that it was called with: what it gives is a view of one of them.
int kept_resume(mrun_call *call, void *state, mrun_value *, size_t, mrun_value *results) {
  const auto *args = static_cast<const mrun_value *>(state);
  results[0] = number(0);
  for (size_t i = 0; i < args[1].as.list.size; ++i)
    results[0].as.number += static_cast<double>(args[1].as.list.items[i].as.integer);
  for (size_t i = 0; i < args[2].as.map.size; ++i) results[0].as.number += args[2].as.map.items[i].value.as.number;
  auto *view = new DLManagedTensor{args[3].as.tensor.dl->dl_tensor, nullptr, [](DLManagedTensor *dl) { delete dl; }};
  return host->tensor_give(call, view, &results[1]);
}
int keep(mrun_call *call, const mrun_value *args, mrun_value *, void *) {
  const mrun_await how = {sizeof(mrun_await), 0, const_cast<mrun_value *>(args), kept_resume, [](void *) {}, nullptr};
  return host->await(call, args[0].as.function, nullptr, 0, &how);
}

int round_up(mrun_call *, const mrun_value *, mrun_value *results, void *) {
  results[0] = number(0);
  return fesetround(FE_UPWARD);
}

const mrun_op ops[] = {
    {sizeof(mrun_op), 0, "t.add@1(float a, float b=10.0, *, str note='') -> float", "", nullptr, add, nullptr},
    {sizeof(mrun_op), 0, "t.zeros@1(int n) -> Tensor", "", nullptr, zeros, nullptr},
    {sizeof(mrun_op), 0, "t.apply@1(Callable f, Any x) -> Any", "", nullptr, apply, nullptr},
    {sizeof(mrun_op), MRUN_OP_ONCE, "t.make@1(Tensor bytes, str name) -> t.Thing", "", nullptr, make, nullptr},
    {sizeof(mrun_op), 0, "t.Thing.number@1(t.Thing self) -> float", "", nullptr, thing_number, nullptr},
    {sizeof(mrun_op), 0, "t.loop@1(Callable f, int n) -> float", "", nullptr, loop, nullptr},
    {sizeof(mrun_op), 0, "t.round_up@1() -> float", "", nullptr, round_up, nullptr},
    {sizeof(mrun_op), 0, "t.keep@1(Callable f, int[] n, Dict(str, float) m, Tensor x) -> (float, Tensor)", "", nullptr,
     keep, nullptr},
};

const char *const module_text = R"(
native.methods("t.Thing", {number = native "t.Thing.number@1"})
return {add = native "t.add@1", zeros = native "t.zeros@1", apply = native "t.apply@1", make = native "t.make@1",
        loop = native "t.loop@1", keep = native "t.keep@1", round_up = native "t.round_up@1", none = native.lookup "t.none@1"}
)";

int init(const mrun_host *h, mrun_plugin *plugin) {
  host = h;
  plugin->size = sizeof(mrun_plugin);
  plugin->abi = MRUN_ABI;
  plugin->name = "t";
  plugin->version = "1.0.0";
  plugin->doc = "A test's operations";
  plugin->license = "MIT";
  plugin->lua = module_text;
  if (const int code = h->add_type(plugin->registry, &thing)) return code;
  for (const mrun_op &op : ops) {
    if (const int code = h->add_op(plugin->registry, &op)) return code;
  }
  return MRUN_OK;
}

Script::Files with_module(const std::string &body) {
  registry().add(init);
  return {{"preprocess.lua", "local t = require 't'\nreturn function(input, params) " + body + "\nend"},
          {"forward.lua", "local t = require 't'\nreturn function(model, input, params) " + body + "\nend"},
          {"assets/a.txt", "asset"}};
}
std::string run(const std::string &body) {
  Script s(with_module(body));
  return to_json(s.preprocess());
}
Error fails(const std::string &body) {
  Script s(with_module(body));
  return error_of([&] { s.preprocess(); });
}

}  // namespace

TEST_CASE("Operations are called with positions, defaults and keywords") {
  CHECK(run("return {t.add(1, 2), t.add(1), t.add(1, {note = 'x'}), t.add{a = 1, b = 5}, t.none == nil}") ==
        "[3,11,11,6,true]");
}
TEST_CASE("A wrong argument is named with the script's line") {
  const Error e = fails("local x = t.add('a') return x");
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.argument == "a");
  CHECK(e.operation == "t.add@1");
  CHECK(e.script == "preprocess.lua");
  CHECK(e.line == 2);
  CHECK(fails("local x = t.add(tostring) return x").code == MRUN_ARGUMENT);
}
TEST_CASE("Native code calls Lua functions back") {
  CHECK(run("return t.apply(function(x) return {got = x} end, {1, 2})") == R"({"got":[1,2]})");
  CHECK(run("return t.apply(function(x) return t.apply(function(y) return y .. '!' end, x) end, 'a')") == R"("a!")");
  const Error e = fails("local function bad() error('broken') end\nlocal x = t.apply(bad, 1) return x");
  CHECK(e.message.find("broken") != std::string::npos);
  CHECK(e.line == 2);
  CHECK(fails("local function f(x) return t.apply(f, x) end f = function(x) local y = t.apply(f, x) return y end "
              "local z = t.apply(f, 1) return z")
            .code != MRUN_OK);
  CHECK(fails("local x = t.apply(function() coroutine.yield() end, 1) return x").code == MRUN_USAGE);
}
TEST_CASE("A callback that never ends is stopped") {
  Script s(with_module("local x = t.apply(function() while true do end end, 1) return x"));
  s.state();
  s.item->stop = MRUN_TIMEOUT;
  CHECK(error_of([&] { s.preprocess(); }).code == MRUN_TIMEOUT);
}
TEST_CASE("A floating-point mode that native code leaves is gone with it") {
  CHECK(run("local x = 1 local before = {x / 3, -x / 3} t.round_up() return before[1] == x / 3 and before[2] == -x / "
            "3") == "true");
  CHECK(fegetround() == FE_TONEAREST);
}
TEST_CASE("A task awaits a Lua function") {
  CHECK(run("return t.loop(function(x) return x end, 4)") == "16");
  CHECK(run("return t.loop(function(x) return t.loop(function(y) return y end, 1) + x end, 2)") == "10");
  CHECK(tasks_alive == 0);
  const Error e = fails("local x = t.loop(function() error('no step') end, 4) return x");
  CHECK(e.message.find("no step") != std::string::npos);
  CHECK(fails("local x = t.loop(function() return 'a' end, 4) return x").message.find("want one number") !=
        std::string::npos);
  CHECK(tasks_alive == 0);
}
TEST_CASE("A task's arguments stay until it ends, and what it gives of them longer") {
  const std::string give_way = "local function f() for i = 1, 1000 do local a = t.zeros(8) end end ";
  const std::string make =
      "local function sevens() local s = t.zeros(5000) for i = 0, 4999 do s[i] = 7 end return s end ";
  const std::string call = "local sum, x = t.keep(f, {1, 2.0, 4}, {a = 8, b = 16}, sevens()) ";
  const std::string look = "for i = 1, 200 do local other = t.zeros(5000) end ";
  CHECK(run(give_way + make + call + look + "return {sum, x:size(0), x[0], x[4999]}") == "[31,5000,7,7]");
}
TEST_CASE("A task awaits a model: joined by rows, then goes on") {
  Script s(with_module("return t.loop(model:method 'step', 3)"));
  s.options.models = {{"main", {parse_schema("step(float x) -> float")}}};
  int calls = 0;
  s.model = [&](ModelCall &c) -> std::vector<Value> {
    ++calls;
    CHECK(c.rows);
    return {c.args.at(0)};
  };
  CHECK(s.run(Stage::forward, {Value()})[0].as_number() == 8);
  CHECK(calls == 3);
  s.model = [&](ModelCall &) -> std::vector<Value> { fail(MRUN_MODEL, "no"); };
  CHECK(error_of([&] { s.run(Stage::forward, {Value()}); }).code == MRUN_MODEL);
  CHECK(tasks_alive == 0);
  {
    const auto dropped = s.start(Stage::forward, {Value()});
    CHECK(dropped->resume() == Fiber::Status::waiting);
    CHECK(tasks_alive == 1);
  }
  CHECK(tasks_alive == 0);
}
TEST_CASE("A step in Lua may call models") {
  Script s(with_module("return t.loop(function(x) return model:step(x) + 1 end, 2)"));
  s.options.models = {{"main", {parse_schema("step(float x) -> float")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> { return {c.args.at(0)}; };
  CHECK(s.run(Stage::forward, {Value()})[0].as_number() == 7);
}
TEST_CASE("A callback may not call models") {
  Script s(with_module("local x = t.apply(function(x) return model:step(x) end, 2) return x"));
  s.options.models = {{"main", {parse_schema("step(float x) -> float")}}};
  CHECK(error_of([&] { s.run(Stage::forward, {Value()}); }).code == MRUN_USAGE);
}
TEST_CASE("Objects have the methods of their module") {
  things_made = 0;
  const std::string make = "local o = t.make(require('bundle').asset 'a.txt', 'x') ";
  CHECK(run(make + "return {o:number(), tostring(o)}") == R"([42,"t.Thing"])");
  CHECK(fails(make + "local x = o:nubmer() return x").message.find("did you mean 'number'") != std::string::npos);
  CHECK(fails(make + "o.x = 1").code == MRUN_SCRIPT);
}
TEST_CASE("What is made of assets and plain values is made once an engine") {
  things_made = 0;
  const auto files = with_module("for i = 1, 3 do t.make(require('bundle').asset 'a.txt', 'x') end return 1");
  Script a(files), b(files);
  b.options.shared = a.options.shared;
  a.preprocess();
  b.preprocess();
  CHECK(things_made == 1);
  Script c(with_module("for i = 1, 3 do t.make(t.zeros(3), 'x') end return 1"));
  c.preprocess();
  CHECK(things_made == 4);
}
TEST_CASE("32, 33 Tensors that are held: QUOTA; that are dropped: bounded memory") {
  Script held(with_module("local all = {} for i = 1, 400 do all[i] = t.zeros(1e7) end return #all"));
  held.item->budget = std::make_shared<Budget>(int64_t{200} << 20);
  const Error e = error_of([&] { held.preprocess(); });
  CHECK(e.code == MRUN_QUOTA);
  Script dropped(with_module("for i = 1, 400 do local x = t.zeros(1e7) end return 1"));
  const auto budget = std::make_shared<Budget>(int64_t{200} << 20);
  dropped.item->budget = budget;
  CHECK(dropped.preprocess().as_number() == 1);
  CHECK(budget->used() < int64_t{150} << 20);
}
TEST_CASE("Objects that are held: QUOTA; that are dropped: bounded memory") {
  Script held(with_module("local all = {} for i = 1, 4000 do all[i] = t.make(t.zeros(1), 'x') end return #all"));
  held.item->budget = std::make_shared<Budget>(thing_bytes * 2000);
  CHECK(error_of([&] { held.preprocess(); }).code == MRUN_QUOTA);
  Script dropped(with_module("for i = 1, 4000 do local x = t.make(t.zeros(1), 'x') end return 1"));
  dropped.item->budget = std::make_shared<Budget>(thing_bytes * 2000);
  CHECK(dropped.preprocess().as_number() == 1);
}
TEST_CASE("Small tensors that are held fill the heap; that are dropped do not") {
  Script held(with_module("local all = {} for i = 1, 40000 do all[i] = t.zeros(0) end return #all"));
  held.options.lua_memory = 16 << 20;
  CHECK(error_of([&] { held.preprocess(); }).code == MRUN_MEMORY);
  Script dropped(with_module("for i = 1, 200000 do local x = t.zeros(0) end return 1"));
  dropped.options.lua_memory = 16 << 20;
  CHECK(dropped.preprocess().as_number() == 1);
}
TEST_CASE("Tensors that native code made can be written") {
  CHECK(run("local x = t.zeros(3) x[0], x[1], x[2] = 1, 2, 255 return x:tolist()") == "[1,2,255]");
  CHECK(fails("local x = t.zeros(3) x[0] = 256").code == MRUN_ARGUMENT);
  CHECK(fails("local x = t.zeros(3) x[0] = 0.5").code == MRUN_ARGUMENT);
}
TEST_CASE("A slice ends at any instruction of a task") {
  for (int over_at = 1, looks = over_at; looks >= over_at; ++over_at) {
    Script s(with_module("return t.loop(model:method 'step', 2) + t.loop(function(x) return model:step(x) end, 1)"));
    s.options.models = {{"main", {parse_schema("step(float x) -> float")}}};
    s.options.look_period = 1;
    bool on = false;
    auto now = std::chrono::steady_clock::now();
    looks = 0;
    s.options.now = [&] {
      if (on && ++looks == over_at) now += std::chrono::seconds(1);
      return now;
    };
    s.model = [](ModelCall &c) -> std::vector<Value> { return {c.args.at(0)}; };
    s.state();
    on = true;
    CAPTURE(over_at);
    CHECK(s.run(Stage::forward, {Value()})[0].as_number() == 6);
  }
}
TEST_CASE("What a task awaits of a model is bound to the method's schema") {
  Script s(with_module("return t.loop(model:method 'step', 1)"));
  s.options.models = {{"main", {parse_schema("step(float x, int n=7, *, str how='a') -> float")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> {
    CHECK(c.args.size() == 3);
    CHECK(c.args.at(1).as_int() == 7);
    return {c.args.at(0)};
  };
  CHECK(s.run(Stage::forward, {Value()})[0].as_number() == 2);
  Script tensor(with_module("return t.loop(model:method 'step', 1)"));
  tensor.options.models = {{"main", {parse_schema("step(Tensor x) -> float")}}};
  tensor.model = [](ModelCall &) -> std::vector<Value> { fail(MRUN_INTERNAL, "reached the model"); };
  const Error e = error_of([&] { tensor.run(Stage::forward, {Value()}); });
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.argument == "x");
  CHECK(tasks_alive == 0);
}
TEST_CASE("Arguments that a task awaits go by name") {
  await_names = true;
  Script s(with_module("return t.loop(model:method 'step', 1)"));
  s.options.models = {{"main", {parse_schema("step(int n=3, float x=0.0) -> float")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> {
    CHECK(c.args.at(0).as_int() == 3);
    return {c.args.at(1)};
  };
  CHECK(s.run(Stage::forward, {Value()})[0].as_number() == 2);
  await_names = false;
}
TEST_CASE("Empty and nil options are no options") {
  CHECK(
      run("return {t.add(1, 2, {}), t.add(1, nil), t.add(1, 2, nil), t.add(1, {note = nil}), t.add(1, 2, nil, nil)}") ==
      "[3,11,3,11,3]");
  CHECK(run("local none = require 'json'.object{} return {t.add(1, 2, none), t.add(1, none)}") == "[3,11]");
}
