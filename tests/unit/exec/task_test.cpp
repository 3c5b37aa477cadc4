// What a task awaits of a model: an operation that asks for a call, which is joined with those of other items.
#include <algorithm>

#include "base/error.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

using Files = MockBundle::Files;

Result searched(const std::string &arguments, const char *method = "forward", const std::string &rows = "true") {
  const MockBundle bundle(
      Files{{"forward.lua", fmt::format("local mock = require 'mock'\nreturn function(model, x) return "
                                        "mock.search(model:method '{}', {}, {}) end",
                                        method, arguments, rows)}});
  calls.clear();
  return bundle.start(with_workers(1, false))->run(work(floats({1, 2, 3, 4, 5, 6}, {3, 2})));
}

}  // namespace

TEST_CASE("a task's call brings its rows in dimension 0 where it says so, and is stacked where not") {
  CHECK(values_of(searched("{x}").answer) == std::vector<float>{2, 4, 6, 8, 10, 12});
  CHECK(calls.rows == std::vector<int64_t>{3});
  CHECK(searched("{x}", "forward", "false").answer.as_tensor().shape() == Shape{3, 2});
  CHECK(calls.rows == std::vector<int64_t>{1});
}

TEST_CASE("tasks' calls of several items are joined by rows") {
  const MockBundle bundle(
      Files{{"forward.lua",
             "local mock = require 'mock'\nreturn function(model, x) return mock.search(model:method 'forward', {x}, "
             "true) end"}});
  calls.clear();
  const auto session = bundle.start(with_workers(1, true));
  std::vector<Work> works;
  for (int64_t i = 1; i <= 3; ++i)
    works.push_back(work(floats(std::vector<float>(static_cast<size_t>(i), static_cast<float>(i)), {i, 1}),
                         static_cast<uint64_t>(i)));
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    REQUIRE(results[i].ok());
    CHECK(results[i].answer.as_tensor().shape() == Shape{static_cast<int64_t>(i) + 1, 1});
  }
  std::sort(calls.rows.begin(), calls.rows.end());
  CHECK(calls.rows == std::vector<int64_t>{2, 4});  // a lane of odd items, one of even ones
}

TEST_CASE("a task's call is held to the method's schema: too few, too many, wrong kinds, defaults") {
  CHECK(searched("{}").error->message.find("x") != std::string::npos);
  CHECK(searched("{}").error.code() == MRUN_ARGUMENT);
  CHECK(searched("{x, x}").error.code() == MRUN_ARGUMENT);
  CHECK(searched("{'a text'}").error.code() == MRUN_ARGUMENT);
  CHECK(searched("{{1, 2}}").error.code() == MRUN_ARGUMENT);
  CHECK(values_of(searched("{x}", "two").answer)[0] == 3);  // n has its default
}

TEST_CASE("native code may call a model's method at once") {
  const MockBundle bundle(
      Files{{"forward.lua", "return function(model, x) return require('mock').now(model:method 'two', x) end"}});
  const auto session = bundle.start(with_workers(1, false));
  CHECK(values_of(session->run(work(floats({5, 6}))).answer) == std::vector<float>{15, 18});
}
