// How long an item's input lives, and the two limits.
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "support.h"

using namespace host_test;

namespace {

void ignore(void *, mrun_result *) {}

double seconds_of(const std::function<void()> &f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("an answered item's input is gone while the engine lives, whatever its scripts made of it") {
  const auto scripts = GENERATE(
      Folder::Files{{"preprocess.lua", "return function(x) return x:size(0) end"}},
      Folder::Files{
          {"preprocess.lua", "return function(x) local views = {x, x[0], x[0][1], x:at({0, 1})} return #views end"}},
      Folder::Files{{"preprocess.lua", "local native = ... local last return function(x) last = x return 1 end"}},
      Folder::Files{{"preprocess.lua", "local all = {} return function(x) all[#all + 1] = x[1] return 1 end"}},
      Folder::Files{{"preprocess.lua",
                     "local p = require 'probe' local last return function(x) last = p.flat(x)[0] return 1 end"}},
      Folder::Files{{"preprocess.lua", "return function(x) return x, {context = x} end"},
                    {"postprocess.lua", "return function(y, p, c) return c.context:size(1) end"}},
      Folder::Files{{"preprocess.lua", "return function(x) error('no') end"}});
  const Folder folder("image", scripts);
  const Running running(folder);
  gone = 0;
  for (int i = 1; i <= 20; ++i) {
    mrun_value input = frame();
    mrun_result r;
    mrun_run(running.engine, &input, nullptr, &r);
    CHECK(gone == i - 1);  // this program has it still
    mrun_value_free(&input);
    CHECK(gone == i);
    mrun_result_free(&r);
  }
  for (int i = 1; i <= 20; ++i) {
    mrun_value input = frame();
    REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, ignore, nullptr, nullptr) == MRUN_OK);
    mrun_value_free(&input);
  }
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(gone == 40);
}

TEST_CASE("the deleter has run before done comes, but where the answer shares the memory") {
  const Folder folder("image",
                      {{"preprocess.lua", "return function(x) if x:size(0) == 2 then return 1 end return x[0] end"}});
  const Running running(folder);
  static int at_done;
  gone = 0;
  const auto done = [](void *, mrun_result *) { at_done = gone; };
  mrun_value input = frame();
  REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, nullptr) == MRUN_OK);
  mrun_value_free(&input);
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(at_done == 1);

  input = frame(3);
  const void *const memory = input.as.tensor.dl->dl_tensor.data;
  mrun_result r;
  REQUIRE(mrun_run(running.engine, &input, nullptr, &r) == MRUN_OK);
  mrun_value_free(&input);
  CHECK(gone == 1);
  CHECK(r.answer.as.tensor.dl->dl_tensor.data == memory);
  mrun_result_free(&r);
  CHECK(gone == 2);
}

TEST_CASE("the deleter has run before done comes of an item that was cancelled before it ran") {
  const Folder folder("image", {{"postprocess.lua", "return function(x) emit(1) return 1 end"}});
  const auto one = options();
  const Running running(folder, &one);
  static std::atomic<bool> busy, go_on;
  static std::atomic<int> at_done, code;
  busy = go_on = false;
  mrun_item first;
  MRUN_INIT(first);
  first.emit = [](void *, const mrun_value *) {  // the only worker's thread
    busy = true;
    while (!go_on) std::this_thread::yield();
  };
  mrun_value input = frame();
  REQUIRE(mrun_submit(running.engine, &input, &first, -1, ignore, nullptr, nullptr) == MRUN_OK);
  while (!busy) std::this_thread::yield();
  mrun_value_free(&input);

  gone = 0;
  const auto done = [](void *, mrun_result *r) { at_done = gone.load(), code = r->code; };
  input = frame();
  uint64_t id = 0;
  REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, &id) == MRUN_OK);
  mrun_value_free(&input);
  REQUIRE(mrun_cancel(running.engine, id) == MRUN_OK);
  go_on = true;
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(code == MRUN_CANCELLED);
  CHECK(at_done == 2);  // the first one's, too
}

TEST_CASE("what a script keeps of its input beyond the answer is an error where it is used, and a clone is not") {
  const Folder folder("image", {{"preprocess.lua", R"(
    local last
    return function(x)
      local before = last
      last = x
      return before and before:size(0) or 0
    end)"}});
  const Running running(folder);
  mrun_value input = frame();
  CHECK(run(running.engine, input).json == "0");
  const Answer second = run(running.engine, input);
  CHECK(second.code == MRUN_ARGUMENT);
  CHECK_THAT(second.message, Catch::Matchers::ContainsSubstring("clone() what is to be kept"));
  mrun_value_free(&input);
}

TEST_CASE("two items that share a tensor do not take it from each other") {
  const Folder folder("image", {{"preprocess.lua", R"(return function(x)
      for i = 1, 2e4 do local _ = x[0][0][0] end
      return x[0][0][0]
    end)"}});
  const Running running(folder);
  gone = 0;
  static std::atomic<int> good;
  good = 0;
  const auto done = [](void *, mrun_result *r) { good += r->code == MRUN_OK; };
  mrun_value input = frame();
  for (int i = 0; i < 50; ++i) mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, nullptr);
  mrun_value_free(&input);
  mrun_drain(running.engine);
  CHECK(good == 50);
  CHECK(gone == 1);
}

TEST_CASE("the item's limit and the start's are two") {
  const char *const slow_start = R"(
    local n = 0
    for i = 1, 3e7 do n = n + 1 end
    return function(s) return s end)";
  const Folder folder("text", {{"preprocess.lua", slow_start}});
  mrun_bundle *bundle = nullptr;
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  mrun_engine *engine = nullptr;
  mrun_options o = options();
  o.timeout = 0.02;
  CHECK(mrun_start(bundle, &o, &engine, nullptr) == MRUN_OK);
  CHECK(run(engine, "quick").code == MRUN_OK);
  mrun_stop(engine);
  mrun_close(bundle);
}

TEST_CASE("top-level code may take what start_timeout says, here and in a worker process") {
  const Folder folder("text", {{"preprocess.lua", "while true do end"}});
  mrun_bundle *bundle = nullptr;
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  mrun_options o = options();
  o.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  o.start_timeout = 0.2;
  mrun_engine *engine = nullptr;
  CHECK(seconds_of([&] { CHECK(mrun_start(bundle, &o, &engine, nullptr) == MRUN_TIMEOUT); }) < 40);
  CHECK_THAT(last(), Catch::Matchers::ContainsSubstring("0.2 s are allowed"));
  CHECK_THAT(last(), Catch::Matchers::ContainsSubstring("start_timeout"));
  o.start_timeout = std::nan("");
  CHECK(mrun_start(bundle, &o, &engine, nullptr) == MRUN_USAGE);
  mrun_close(bundle);
}

TEST_CASE("a file is what it held when it was read, however large it is and what becomes of it") {
  const auto isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  const size_t size = GENERATE(size_t{10}, size_t{1} << 20, size_t{3000001});
  const Folder folder("bytes", {{"preprocess.lua", "return function(x) return {x:size(0), x[0], x[x:size(0) - 1]} end"},
                                {"input", std::string(size - 1, 'a') + "z"}});
  mrun_options o = options();
  o.isolation = isolation;
  const Running running(folder, &o);
  const std::string wanted = "[" + std::to_string(size) + ",97,122]";
  std::vector<mrun_value> inputs(70);  // more than there may be descriptors for
  for (mrun_value &input : inputs) {
    REQUIRE(mrun_input_file(running.bundle, nullptr, folder.path("input").c_str(), &input, nullptr) == MRUN_OK);
  }
  fs::resize_file(folder.path("input"), 1);
  std::ofstream(folder.path("input"), std::ios::in | std::ios::binary) << "b";
  for (mrun_value &input : inputs) {
    CHECK(run(running.engine, input).json == wanted);
    mrun_value_free(&input);
  }
}

TEST_CASE("a record's large files all arrive") {
  const auto isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  const Folder folder("record",
                      {{"preprocess.lua", "return function(x) return {x.a:size(0), x.a[0], x.b:size(0), x.b[0]} end"},
                       {"a", std::string(2000000, 'a')},
                       {"b", std::string(3000000, 'b')}},
                      "[input.fields]\na = \"bytes\"\nb = \"bytes\"\n");
  mrun_options o = options();
  o.isolation = isolation;
  const Running running(folder, &o);
  mrun_entry fields[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    const char *const names[] = {"a", "b"};
    fields[i].key.data = names[i];
    fields[i].key.size = 1;
    REQUIRE(mrun_input_file(running.bundle, names[i], folder.path(names[i]).c_str(), &fields[i].value, nullptr) ==
            MRUN_OK);
  }
  mrun_value record{};
  REQUIRE(mrun_map(fields, 2, &record) == MRUN_OK);
  CHECK(run(running.engine, record).json == "[2000000,97,3000000,98]");
  mrun_value_free(&record);
}

TEST_CASE("no script catches its end, wherever it comes from") {
  const auto script = GENERATE(
      std::string("return function(x) return pcall(require('probe').wait) end"),
      std::string("return function(x) local ok = pcall(require('probe').wait) return 'caught' end"),
      std::string(
          "return function(x) return select(2, xpcall(require('probe').wait, function() return 'caught' end)) end"),
      std::string("return function(x) local co = coroutine.wrap(function() pcall(require('probe').wait) return "
                  "'caught' end) return co() end"),
      std::string("return function(x) pcall(function() while true do end end) return 'caught' end"));
  const Folder folder("text", {{"preprocess.lua", script}});
  const Running running(folder);
  mrun_item item;
  MRUN_INIT(item);
  item.timeout = 0.05;
  const Answer a = run(running.engine, mrun_text("x"), &item);
  INFO(script << ": " << a.json);
  CHECK(a.code == MRUN_TIMEOUT);
  CHECK_THAT(a.message, Catch::Matchers::ContainsSubstring("limit of 0.05 s"));
  CHECK_THAT(a.message, Catch::Matchers::ContainsSubstring("preprocess.lua:1"));
}

TEST_CASE("nor where a model ends it, and a backend that gives stopped's code has given the reason") {
  const auto script =
      GENERATE(std::string("return function(model, x) return (pcall(model.wait, model, x)) end"),
               std::string("return function(model, x) local ok = pcall(model.wait, model, x) return 1 end"),
               std::string("return function(model, x) return model:wait(x) end"));
  const Folder folder("tensor", {{"forward.lua", script}, {"m.probe", "a model"}},
                      "[models.main]\nfile = \"m.probe\"\n");
  const Running running(folder);
  mrun_value input{};
  REQUIRE(mrun_tensor(own_tensor({2}), &input) == MRUN_OK);
  mrun_item item;
  MRUN_INIT(item);
  item.timeout = 0.05;
  const Answer late = run(running.engine, input, &item);
  CHECK(late.code == MRUN_TIMEOUT);
  CHECK_THAT(late.message, Catch::Matchers::ContainsSubstring("limit of 0.05 s"));

  static Answer cancelled;
  const auto done = [](void *, mrun_result *r) {
    cancelled.message = r->error.message;
    cancelled.code = r->code;
  };
  uint64_t id = 0;
  REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, &id) == MRUN_OK);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(mrun_cancel(running.engine, id) == MRUN_OK);
  CHECK(seconds_of([&] { mrun_drain(running.engine); }) < 10);
  CHECK(cancelled.code == MRUN_CANCELLED);
  CHECK_THAT(cancelled.message, Catch::Matchers::ContainsSubstring("cancelled"));
  mrun_value_free(&input);
}
