// A slice may end at any instruction: a clock that the test moves ends it at each one in turn.
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

// Runs `body` of a forward.lua once for every look at the clock, the slice ending at that look. Returns how often it was
// preempted in all; each run must give `wanted`.
int run_at_every_look(const std::string &body, const std::string &wanted) {
  int preemptions = 0;
  for (int over_at = 1;; ++over_at) {
    Script s(Script::Files{{"forward.lua", "return function(model, x)\n" + body + "\nend"}});
    s.options.models = {{"main", {parse_schema("forward(float x) -> float"), parse_schema("twice(float x) -> float")}}};
    s.options.look_period = 1;
    int looks = 0;
    bool on = false;
    const auto start = std::chrono::steady_clock::now();
    auto now = start;
    s.options.now = [&] {
      if (on && ++looks == over_at) now += std::chrono::seconds(1);
      return now;
    };
    s.model = [](ModelCall &c) -> std::vector<Value> {
      return {Value::number(c.args.at(0).as_number() * static_cast<double>(c.method + 1))};
    };
    std::vector<Value> emitted;
    s.emit = [&](Value v) { emitted.push_back(std::move(v)); };
    s.state();
    on = true;
    const auto fiber = s.start(Stage::forward, {Value::integer(1)});
    auto status = fiber->resume();
    while (status == Fiber::Status::waiting || status == Fiber::Status::preempted) {
      preemptions += status == Fiber::Status::preempted ? 1 : 0;
      status = status == Fiber::Status::waiting ? fiber->resume(s.model(fiber->call())) : fiber->resume();
    }
    CAPTURE(over_at);
    REQUIRE(status == Fiber::Status::finished);
    REQUIRE(to_json(fiber->results()[0]) == wanted);
    if (looks < over_at) return preemptions;  // the last look was before
  }
}

}  // namespace

TEST_CASE("A slice ends at any instruction of a model call") {
  CHECK(run_at_every_look("local a = model(x) local b = model:twice(a + 1) return a + b", "5") > 20);
}
TEST_CASE("A slice ends at any instruction of a coroutine that calls a model") {
  CHECK(run_at_every_look("local f = coroutine.wrap(function() for i = 1, 2 do coroutine.yield(model(i)) end end)\n"
                          "return {f(), f()}",
                          "[1,2]") > 10);
}
TEST_CASE("A slice ends at any instruction around emit and pcall") {
  CHECK(run_at_every_look("emit(x) local ok, y = pcall(model, x) emit(y) return {ok, y}", "[true,1]") > 10);
}
