#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <vector>

#include "support.h"
#include "value/json.h"

using namespace mrun;
using namespace mrun::test;

namespace {

struct Event {
  int64_t begin, end;  // nanoseconds
};

// The events of each row, as they are told.
class Rows {
 public:
  void add(const std::string &json) {
    const Value event = parse_json(json);
    if (event.find("ph")->as_string() != "X") return;
    const auto nanoseconds = [&](const char *key) { return std::llround(event.find(key)->as_number() * 1e3); };
    const std::lock_guard lock(mutex_);
    rows_[std::llround(event.find("tid")->as_number())].push_back(
        {nanoseconds("ts"), nanoseconds("ts") + nanoseconds("dur")});
  }
  std::map<int64_t, std::vector<Event>> take() { return std::move(rows_); }

 private:
  std::mutex mutex_;
  std::map<int64_t, std::vector<Event>> rows_;
};

}  // namespace

TEST_CASE("in a trace a worker does one thing at a time") {
  const MockBundle bundle(MockBundle::Files{{"forward.lua", R"(
return function(model, x)
  for i = 1, 20 do x = model(x) end
  return x
end)"}});
  for (const bool offline : {false, true}) {
    Rows rows;
    EngineOptions options = with_workers(2, offline);
    options.trace = [&rows](const std::string &json) { rows.add(json); };
    const auto session = bundle.start(options);
    std::vector<Work> works;
    for (uint64_t i = 0; i < 200; ++i) works.push_back(work(floats({1}), i));
    for (const Result &result : run_together(*session, std::move(works))) REQUIRE(result.ok());
    size_t events = 0;
    for (auto &[worker, row] : rows.take()) {
      std::ranges::sort(row, {}, &Event::begin);
      events += row.size();
      // Begin and length are rounded each by itself.
      for (size_t i = 1; i < row.size(); ++i) CHECK(row[i - 1].end <= row[i].begin + 1);
    }
    CHECK(events > 200 * 20);
  }
}
