// How calls are joined: groups, rows, and what [batch] says of padding.
#include <algorithm>

#include "base/error.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Files = MockBundle::Files;

// Items 2 and 8 (1 and 4 of their lane) have equal shapes, so have 4 and 6: two groups of two calls, of which the slow items
// decide who comes first into which.
TEST_CASE("offline, of two groups of one size the one with the lowest item goes first, however slow it is") {
  const MockBundle bundle(Files{{"forward.lua", R"(
return function(model, x)
  local n = 0
  for i = 1, x.spin[0] do n = n + i end
  local y = model(x.x)
  if x.x:size(0) == 1 then y = model(x.z) end
  return y
end)"}},
                          "max_size = 64\n");
  std::vector<std::vector<float>> first;
  for (const int workers : {1, 2, 4}) {
    for (const float spin : {0.0f, 1e5f, 4e5f, 2e6f, 4e5f}) {
      calls.clear();
      const auto session = bundle.start(with_workers(workers, true));
      std::vector<Work> works;
      for (uint64_t i = 0; i < 10; ++i) {
        const size_t length = i / 2 == 0 ? 3 : i / 2 == 1 || i / 2 == 4 ? 1 : 2;
        works.push_back(work(Value::map({{"spin", floats({i / 2 == 1 ? spin : 0})},
                                         {"x", floats(std::vector<float>(length, static_cast<float>(i)))},
                                         {"z", floats({static_cast<float>(100 + i), 0})}}),
                             i));
      }
      run_together(*session, std::move(works));
      std::sort(calls.firsts.begin(), calls.firsts.end());
      if (first.empty()) first = calls.firsts;
      CHECK(calls.firsts == first);
    }
  }
}

TEST_CASE("a call of more rows than a batch may have is run in parts") {
  const MockBundle bundle(Files{}, "mode = \"concat\"\nmax_size = 4\n");
  calls.clear();
  const auto session = bundle.start(with_workers(1, false));
  std::vector<float> rows(10);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i);
  const Result r = session->run(work(floats(rows, {10, 1})));
  REQUIRE(r.ok());
  CHECK(r.answer.as_tensor().shape() == Shape{10, 1});
  CHECK(values_of(r.answer)[9] == 18);
  CHECK(calls.rows == std::vector<int64_t>{4, 4, 2});
}

TEST_CASE("a large call whose results are no rows is run whole") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:counted(x) end"}},
                          "mode = \"concat\"\nmax_size = 4\n");
  calls.clear();
  const Result r = bundle.start(with_workers(1, false))->run(work(floats(std::vector<float>(10, 1), {10, 1})));
  INFO(r.error->message);
  REQUIRE(r.ok());
  CHECK(r.answer.as_list()[0].as_number() == 10);
  CHECK(calls.rows == std::vector<int64_t>{4, 4, 2, 10});
}

TEST_CASE("between the parts of a large call its item's limit is looked at, however short each is") {
  const MockBundle bundle(Files{}, "mode = \"concat\"\nmax_size = 1\n");
  calls.clear();
  calls.delay_us = 2000;
  const auto session = bundle.start(with_workers(1, false));
  Work large = work(floats(std::vector<float>(5000, 1), {5000, 1}));
  large.timeout = 0.1;
  CHECK(session->run(large).error.code() == MRUN_TIMEOUT);
  CHECK(calls.rows.size() < 500);
}

TEST_CASE("a call whose tensors have different rows is never joined: with the right companion it would seem to fit") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:paired(x.x, x.y) end"}},
                          "mode = \"concat\"\n");
  const auto session = bundle.start(with_workers(2, true));
  const auto rows = [](int64_t n) { return floats(std::vector<float>(static_cast<size_t>(n), 1), {n, 1}); };
  std::vector<Work> works;
  for (const auto &[x, y] : std::vector<std::pair<int64_t, int64_t>>{{2, 3}, {9, 9}, {3, 2}, {9, 9}, {2, 2}})
    works.push_back(work(Value::map({{"x", rows(x)}, {"y", rows(y)}}), works.size()));
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    INFO(i << ": " << results[i].error->message);
    const bool fits = i % 2 == 1 || i == 4;
    CHECK(results[i].ok() == fits);
    if (!fits) CHECK(results[i].error->message.find("other half") != std::string::npos);
  }
}

TEST_CASE("under concat the rows of a list's tensors are its call's") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:listed {x} end"}},
                          "mode = \"concat\"\nmax_size = 4\n");
  const auto session = bundle.start(with_workers(2, true));
  std::vector<Work> works;
  for (const int64_t n : {3, 1, 2, 6})
    works.push_back(work(floats(std::vector<float>(static_cast<size_t>(n), 1), {n, 1}), works.size()));
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (const Result &result : results) CHECK(result.error->message == "");
}

TEST_CASE("unpad must name a padded tensor argument") {
  const auto refusal = [](const std::string &batch) {
    try {
      MockBundle(Files{}, batch).start();
    } catch (const Error &e) { return e.message; }
    return std::string();
  };
  CHECK(refusal("unpad = {\"1\" = {dim = 0, like = \"z\"}}\n").find("an argument z") != std::string::npos);
  CHECK(refusal("[batch.forward]\npad = {y = {dims = [0]}}\nunpad = {\"1\" = {dim = 0, like = \"y\"}}\n")
            .find("forward has no argument named y") != std::string::npos);
  CHECK(refusal("unpad = {\"1\" = {dim = 0, like = \"x\"}}\n").find("is not padded") != std::string::npos);
}

TEST_CASE("unpad for all methods is for those that have the argument") {
  const MockBundle bundle(Files{}, "pad = {y = {dims = [0]}}\nunpad = {\"1\" = {dim = 0, like = \"y\"}}\n");
  const Result r = bundle.start(with_workers(1, false))->run(work(floats({1, 2})));  // forward(x)
  CHECK(r.error->message == "");
  CHECK(r.answer.as_tensor().size(0) == 2);
}

TEST_CASE("unpad over a list of tensors is refused when the bundle is opened") {
  try {
    MockBundle(Files{}, "[batch.listed]\npad = {xs = {dims = [0]}}\nunpad = {\"1\" = {dim = 0, like = \"xs\"}}\n")
        .start();
    FAIL("it started");
  } catch (const Error &e) {
    CHECK(e.code == MRUN_BUNDLE);
    CHECK(e.message.find("want a padded tensor argument, xs is of type Tensor[]") != std::string::npos);
  }
}

TEST_CASE("unpad of a tensor without dimensions is an error of the item") {
  const MockBundle bundle(Files{},
                          "[batch.forward]\npad = {x = {dims = [0]}}\nunpad = {\"1\" = {dim = 0, like = \"x\"}}\n");
  const Result r = bundle.start(with_workers(1, false))->run(work(floats({1}).view(Shape{}, Shape{}, 0)));
  CHECK(r.error.code() == MRUN_MODEL);
}
