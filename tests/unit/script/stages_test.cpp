// The three stages: arguments, results, contexts, errors, model calls.
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

Schema schema(const char *text) { return parse_schema(text); }

Script::Files stages() {
  return {
      {"preprocess.lua", "return function(input, params) return {input, 2}, {seen = input} end"},
      {"forward.lua", "return function(model, x, params, context) return {a = x[1] + 1, c = context.seen} end"},
      {"postprocess.lua", "return function(output, params, context) emit('half') return output.a + context.seen end"}};
}

}  // namespace

TEST_CASE("A value goes through the three stages") {
  Script s(stages());
  std::vector<Value> emitted;
  s.emit = [&](Value v) { emitted.push_back(std::move(v)); };
  const auto p = s.run(Stage::preprocess, {Value::integer(3)});
  REQUIRE(p.size() == 2);
  CHECK(to_json(p[0]) == "[3,2]");
  const auto f = s.run(Stage::forward, p);
  CHECK(to_json(f[0]) == R"({"a":4,"c":3})");
  CHECK(to_json(s.run(Stage::postprocess, {f[0], p[1]})[0]) == "7");
  REQUIRE(emitted.size() == 1);
  CHECK(emitted[0].as_string() == "half");
}

TEST_CASE("A stage that returns more than its contract allows says so") {
  Script s(Script::body("return 1, 2, 3"));
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.code == MRUN_SCRIPT);
  CHECK(e.message ==
        "preprocess.lua:1: preprocess returned 3 values, want at most 2; a list of them is one: return {…}");
  CHECK(e.stage == "preprocess");
}

TEST_CASE("A file that returns no function says so") {
  Script s(Script::Files{{"preprocess.lua", "local x = 1"}});
  CHECK(error_of([&] { s.state(); }).message ==
        "preprocess.lua: must return one function, it returned nothing; return function(input, params) … end");
}

TEST_CASE("Errors name script, line, source and traceback") {
  Script s(Script::Files{
      {"preprocess.lua", "local function f(x)\n  return x.y.z\nend\nreturn function() local r = f({}) return r end"}});
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.script == "preprocess.lua");
  CHECK(e.line == 2);
  CHECK(e.source == "  return x.y.z");
  CHECK(e.message.find("preprocess.lua:2: attempt to index field 'y'") == 0);
  CHECK(e.traceback.find("preprocess.lua:4: in function") != std::string::npos);
}

TEST_CASE("A syntax error names file, line and source") {
  Script s(Script::Files{{"preprocess.lua", "local x = 1\nlocal y = = 2\n"}});
  const Error e = error_of([&] { s.state(); });
  CHECK(e.code == MRUN_SCRIPT);
  CHECK(e.line == 2);
  CHECK(e.source == "local y = = 2");
  CHECK(e.stage == "preprocess");
}

TEST_CASE("error{code = \"INPUT\"} is the item's fault") {
  const Error e = failure("error{code = 'INPUT', message = 'no text'}");
  CHECK(e.code == MRUN_INPUT);
  CHECK(e.message == "preprocess.lua:1: no text");
  CHECK(failure("error{code = 'QUOTA', message = 'x'}").code == MRUN_SCRIPT);
  CHECK(failure("error('', 0)").code == MRUN_SCRIPT);
}

TEST_CASE("Model calls suspend, resume with results, and raise errors at the caller's line") {
  Script s(Script::Files{
      {"forward.lua",
       "return function(model, x)\n  local a, b = model(x)\n  local ok, e = pcall(model.encode, model, a)\n"
       "  return {a, b, ok, tostring(e), e.code}\nend"}});
  s.options.models = {{"main", {schema("forward(Any x) -> (Any, Any)"), schema("encode(Any x, int n=3) -> Any")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> {
    if (c.method == 0) return {c.args.at(0), Value::integer(5)};
    CHECK(c.args.at(1).as_int() == 3);
    fail(MRUN_MODEL, "bad weights");
  };
  CHECK(to_json(s.run(Stage::forward, {Value::integer(1)})[0]) ==
        R"([1,5,false,"forward.lua:3: bad weights","MODEL"])");
}

TEST_CASE("Many fibers wait at once and resume in any order") {
  Script s(Script::Files{
      {"forward.lua",
       "return function(model, x) local sum = 0 for i = 1, 3 do sum = sum + model(x) end return sum end"}});
  s.options.models = {{"main", {schema("forward(float x) -> float")}}};
  std::vector<std::unique_ptr<Fiber>> fibers;
  for (int i = 0; i < 50; ++i) fibers.push_back(s.start(Stage::forward, {Value::integer(i)}));
  for (const auto &f : fibers) REQUIRE(f->resume() == Fiber::Status::waiting);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = fibers.size(); i-- > 0;) {
      const auto status = fibers[i]->resume(std::vector<Value>{Value(fibers[i]->call().args.at(0))});
      REQUIRE(status == (round == 2 ? Fiber::Status::finished : Fiber::Status::waiting));
    }
  }
  for (size_t i = 0; i < fibers.size(); ++i) CHECK(fibers[i]->results()[0].as_number() == 3.0 * static_cast<double>(i));
}

TEST_CASE("Models cannot be called where the script cannot be suspended") {
  Script s(Script::Files{
      {"forward.lua", "return function(model, x) table.sort({2, 1}, function() return model(x) end) end"}});
  s.options.models = {{"main", {schema("forward(float x) -> float")}}};
  const Error e = error_of([&] { s.run(Stage::forward, {Value::integer(1)}); });
  CHECK(e.message.find("a model cannot be called inside table.sort") != std::string::npos);
}

TEST_CASE("Models are called from a script's own coroutines") {
  Script s(Script::Files{{"forward.lua",
                          "return function(model, x)\n local next = coroutine.wrap(function() for i = 1, 3 do "
                          "coroutine.yield(model(i)) end end)\n return {next(), next(), next()} end"}});
  s.options.models = {{"main", {schema("forward(float x) -> float")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> { return {Value::number(10 * c.args.at(0).as_number())}; };
  CHECK(to_json(s.run(Stage::forward, {Value()})[0]) == "[10,20,30]");
}

TEST_CASE("Several models are told apart by name") {
  Script s(Script::Files{
      {"forward.lua", "return function(model, x) return {model.a(x), model.b:twice(x), tostring(model.a)} end"}});
  s.options.models = {{"a", {schema("forward(float x) -> float")}},
                      {"b", {schema("forward(float x) -> float"), schema("twice(float x) -> float")}}};
  s.model = [](ModelCall &c) -> std::vector<Value> {
    return {Value::number(100 * static_cast<double>(c.model) + 10 * static_cast<double>(c.method) +
                          c.args.at(0).as_number())};
  };
  CHECK(to_json(s.run(Stage::forward, {Value::integer(1)})[0]) == R"([1,111,"model a"])");
}

TEST_CASE("A model may have any number of methods") {
  Script s(Script::Files{
      {"forward.lua", "return function(model, x) return {model.a:m4095(x), model.a:m4096(x), model.b:m4999(x)} end"}});
  ModelInfo a{"a", {}};
  for (int i = 0; i < 5000; ++i) a.methods.push_back(schema(("m" + std::to_string(i) + "(float x) -> float").c_str()));
  ModelInfo b = a;
  b.name = "b";
  s.options.models = {a, b};
  s.model = [](ModelCall &c) -> std::vector<Value> {
    return {Value::number(1e6 * static_cast<double>(c.model) + static_cast<double>(c.method))};
  };
  CHECK(to_json(s.run(Stage::forward, {Value::integer(1)})[0]) == "[4095,4096,1004999]");
}

TEST_CASE("Wrong arguments of a model are named") {
  Script s(Script::Files{{"forward.lua", "return function(model, x) local y = model('a') return y end"}});
  s.options.models = {{"main", {schema("forward(float x) -> float")}}};
  const Error e = error_of([&] { s.run(Stage::forward, {Value()}); });
  CHECK(e.code == MRUN_ARGUMENT);
  CHECK(e.argument == "x");
  CHECK(e.line == 1);
}

TEST_CASE("A fiber that is dropped while it waits leaves nothing behind") {
  Script s(Script::Files{{"forward.lua", "return function(model, x) return model(x) end"}});
  s.options.models = {{"main", {schema("forward(float x) -> float")}}};
  for (int i = 0; i < 100; ++i) s.start(Stage::forward, {Value::integer(1)})->resume();
  s.state().collect();
  const int64_t before = s.state().lua_bytes();
  for (int i = 0; i < 1000; ++i) s.start(Stage::forward, {Value::integer(1)})->resume();
  s.state().collect();
  CHECK(s.state().lua_bytes() < before + 4096);
}

TEST_CASE("An error in a tail call names the line of the return that made it") {
  Script s(Script::Files{{"preprocess.lua",
                          "local json = require 'json'\nreturn function(input)\n  local x = input\n"
                          "  return json.decode('{')\nend"}});
  const Error e = error_of([&] { s.preprocess(); });
  CHECK(e.line == 4);
  CHECK(e.source == "  return json.decode('{')");
}
