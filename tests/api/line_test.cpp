// The line that the command would print of an answer or an error, where a host asks for it.
#include <utility>

#include "support.h"

using namespace host_test;

TEST_CASE("an item that could not run at all has its line, too, where one is asked for") {
  const Folder folder("text", {{"preprocess.lua", "return function(x) return x end"}});
  const Running running(folder);
  mrun_item item;
  MRUN_INIT(item);
  item.json = 1;
  const auto line = [&](mrun_engine *engine, const mrun_value *input) {
    mrun_result result;
    CHECK(mrun_run(engine, input, &item, &result) == MRUN_USAGE);
    const std::string json = result.json == nullptr ? "" : result.json;
    CHECK(std::string(result.stage) == "engine");
    mrun_result_free(&result);
    return json;
  };
  const mrun_value text = mrun_text("a");
  CHECK(line(running.engine, nullptr) == R"({"error":{"code":"USAGE","message":"a value is NULL","stage":"engine"}})");
  CHECK_THAT(line(nullptr, &text), Catch::Matchers::ContainsSubstring("the engine is NULL"));
}

TEST_CASE("an item of which the line alone is asked for has no answer beside it, here and in a worker process") {
  const Folder folder("text",
                      {{"postprocess.lua", R"(return function(x) return x == "bad" and error("no") or {x} end)"}});
  mrun_options how = options();
  how.isolation = GENERATE(+MRUN_ISOLATION_NONE, +MRUN_ISOLATION_PROCESS);
  const Running running(folder, &how);
  mrun_item item;
  MRUN_INIT(item);
  item.json_only = 1;
  const auto came = [](mrun_result &r) {
    return (r.answer.kind == MRUN_NIL ? "" : "an answer beside ") + std::string(r.json);
  };
  const auto line = [&](const char *text) {
    mrun_result result;
    const mrun_value input = mrun_text(text);
    mrun_run(running.engine, &input, &item, &result);
    const std::string json = came(result);
    mrun_result_free(&result);
    return json;
  };
  CHECK(line("a") == R"(["a"])");
  CHECK_THAT(line("bad"), Catch::Matchers::StartsWith(R"({"error":{"code":"SCRIPT")"));

  std::pair<std::string, decltype(came)> submitted{"", came};
  const auto done = [](void *user, mrun_result *r) {
    auto &[json, read] = *static_cast<decltype(submitted) *>(user);
    json = read(*r);
  };
  const mrun_value input = mrun_text("b");
  REQUIRE(mrun_submit(running.engine, &input, &item, -1, done, &submitted, nullptr) == MRUN_OK);
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(submitted.first == R"(["b"])");
}
