// Exact batches: proven before they are believed.
#include <algorithm>

#include "base/error.h"
#include "bundle/manifest.h"
#include "exec/loaded.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;
using Files = MockBundle::Files;

namespace {

EngineOptions exact(int workers, bool offline) {
  EngineOptions options = with_workers(workers, offline);
  options.exact = true;
  return options;
}

}  // namespace

TEST_CASE("exact batches are filled up to one size, proven first, and cut back") {
  const MockBundle bundle;
  calls.clear();
  EngineOptions options = exact(1, true);
  options.max_batch = 24;
  const auto session = bundle.start(options);
  std::vector<Work> works;
  for (int i = 0; i < 20; ++i) works.push_back(work(floats({static_cast<float>(i), 1}), static_cast<uint64_t>(i)));
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    INFO(results[i].error->message);
    REQUIRE(results[i].ok());
    CHECK(values_of(results[i].answer) == std::vector<float>{2 * static_cast<float>(i), 2});
  }
  CHECK(std::all_of(calls.rows.begin(), calls.rows.end(), [](int64_t n) { return n == 16; }));
}

TEST_CASE("a model whose bits depend on a row's place is refused as not exact") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:placed(x) end"}});
  EngineOptions options = exact(1, false);
  const auto session = bundle.start(options);
  for (int i = 0; i < 2; ++i) {
    CHECK(session->run(work(floats({1}))).error->message.find("not exact here") != std::string::npos);
  }
}

TEST_CASE("a call of any number of rows proves as much of its key as one of a single row") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:placed(x) end"}},
                          "mode = \"concat\"\n");
  EngineOptions options = exact(1, true);
  for (const int64_t rows : {0, 1, 2, 9, 16, 40}) {
    CAPTURE(rows);
    const auto session = bundle.start(options);
    const std::vector<float> first(static_cast<size_t>(rows), 1);
    const Result result = session->run(work(floats(first, {rows, 1})));
    CHECK(result.ok() == (rows == 0));
    CHECK(session->run(work(floats({5}, {1, 1}))).error->message.find("not exact here") != std::string::npos);
  }
}

TEST_CASE("where a row's bits depend on its place among 16, exact batches have fewer rows") {
  const std::string mode = GENERATE("", "mode = \"concat\"\n");
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:edged(x) end"}}, mode);
  const auto session = bundle.start(exact(1, true));
  std::vector<Work> works;
  for (int64_t rows = 1; rows < 20; ++rows) {
    works.push_back(
        work(floats(std::vector<float>(static_cast<size_t>(rows), 3), {rows, 1}), static_cast<uint64_t>(rows)));
  }
  const bool stacked = mode.empty();
  if (stacked) {
    works.clear();
    for (uint64_t i = 0; i < 20; ++i) works.push_back(work(floats({3}), i));
  }
  calls.clear();
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    INFO(results[i].error->message);
    REQUIRE(results[i].ok());
    CHECK(values_of(results[i].answer) == std::vector<float>(stacked ? 1 : i + 1, 6));
  }
  CHECK(calls.rows.front() == 16);  // tried first
  CHECK(calls.rows.back() == 8);
}

TEST_CASE("exact calls of many rows that are exact have the bits of single ones") {
  const MockBundle bundle(Files{}, "mode = \"concat\"\n");
  EngineOptions options = exact(2, true);
  const auto session = bundle.start(options);
  std::vector<Work> works;
  for (int64_t rows = 0; rows < 20; ++rows) {
    works.push_back(
        work(floats(std::vector<float>(static_cast<size_t>(rows), 3), {rows, 1}), static_cast<uint64_t>(rows)));
  }
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t rows = 0; rows < results.size(); ++rows) {
    INFO(results[rows].error->message);
    REQUIRE(results[rows].ok());
    CHECK(values_of(results[rows].answer) == std::vector<float>(rows, 6));
  }
}

TEST_CASE("an exact answer has as many operator threads alone as among others") {
  const std::string head = "[bundle]\nname = \"t\"\nversion = \"1.0.0\"\n[input]\nkind = \"json\"\n";
  const auto threads = [&](bool one, bool exact, const std::string &toml) {
    EngineOptions options;
    options.cores = 4;
    options.one_shot = one;
    options.exact = exact;
    fill_in_defaults(options, parse_manifest(head + toml, "bundle.toml"));
    return options.threads;
  };
  CHECK(threads(true, false, "") == 4);
  CHECK(threads(false, false, "") == 1);
  CHECK(threads(true, true, "") == 1);
  CHECK(threads(true, false, "[batch]\nexact = true\n") == 1);
  CHECK(threads(true, false, "[batch.encode]\nexact = true\n") == 1);
  CHECK(threads(true, false, "[models.a]\nfile = \"a.pt\"\n[models.a.batch]\nexact = true\n") == 1);
}
