#include <chrono>
#include <thread>
#include <utility>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

TEST_CASE("where slices are long, who gathers answers is told of each before the next one begins") {
  const MockBundle bundle(MockBundle::Files{{"forward.lua", "return function(model, x) emit(x) return x end"}});
  constexpr size_t quick = 40, items = 48;
  size_t untold = 0, told = 0;
  std::vector<size_t> held;  // as each of the long ones begins
  EngineOptions options = with_workers(1, true);
  options.told = [&] { told += std::exchange(untold, 0); };
  const auto session = bundle.start(options);
  for (size_t i = 0; i < items; ++i) {
    Work one = work(floats({1}), i);
    one.emit = [&, i](const Value &) {
      if (i < quick) return;
      held.push_back(untold);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    };
    session->submit(std::move(one), -1, [&](uint64_t, Result &&r) { untold += r.ok() ? 1 : 0; });
  }
  session->drain();
  session->stop();
  REQUIRE(held.size() == items - quick);
  CHECK(std::vector<size_t>(held.begin() + 1, held.end()) == std::vector<size_t>(items - quick - 1, 0));
  CHECK(told == items);
}
