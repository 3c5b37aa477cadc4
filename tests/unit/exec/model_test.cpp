#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("what a backend throws is its item's error, and the engine works on") {
  const MockBundle bundle(
      MockBundle::Files{{"forward.lua", "return function(model, x) return x[0] > 0 and model:bad(x) or model(x) end"}});
  const auto session = bundle.start(with_workers(2, false));
  for (const bool direct : {true, false}) {
    for (const auto &[number, said] : {std::pair{1.0f, "a C++ exception left the plugin: raw exception"},
                                       std::pair{2.0f, "a C++ exception left the plugin"}}) {
      std::vector<Work> works;
      for (int i = 0; i < 3 && !direct; ++i) works.push_back(work(floats({number}), static_cast<uint64_t>(i)));
      const std::vector<Result> results =
          direct ? std::vector<Result>{session->run(work(floats({number})))} : run_together(*session, std::move(works));
      for (const Result &r : results) {
        CHECK(r.error.code() == MRUN_INTERNAL);
        CHECK(r.error->message.find(said) != std::string::npos);
      }
      CHECK(values_of(session->run(work(floats({-1}))).answer) == std::vector<float>{-2});
    }
  }
}

TEST_CASE("no method of a model that keeps state is joined, also where it only reads it") {
  const MockBundle bundle({{"forward.lua", "return function(model, x) return model:two(x) end"}}, "",
                          "file = \"m.serial\"\nstateful = true\n");
  calls.clear();
  std::vector<Work> works;
  for (uint64_t i = 0; i < 8; ++i) works.push_back(work(floats({1}), i));
  for (const Result &r : run_together(*bundle.start(with_workers(2, true)), std::move(works))) CHECK(r.ok());
  CHECK(calls.rows == std::vector<int64_t>(8, 1));
}
