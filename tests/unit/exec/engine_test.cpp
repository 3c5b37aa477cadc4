#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <future>
#include <random>
#include <thread>

#include "base/error.h"
#include "exec/batch/call.h"
#include "exec/watch.h"
#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

using Files = MockBundle::Files;

// Calls the model n times, n being the item's; the tensor's length is the item's, too.
const char *const loop = R"(
return function(model, x)
  local y = x.x
  for i = 1, x.n[0] do y = model(y) end
  return y
end
)";

struct Item {
  int n = 1, length = 1;
  float first = 1;
  Value input() const {
    return Value::map({{"n", floats({static_cast<float>(n)})},
                       {"x", floats(std::vector<float>(static_cast<size_t>(length), first))}});
  }
  std::vector<float> answer() const { return std::vector<float>(static_cast<size_t>(length), std::ldexp(first, n)); }
};

std::vector<Item> random_items(unsigned seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<Item> items(count);
  for (Item &item : items) {
    item.n = static_cast<int>(random() % 6);
    item.length = 1 + static_cast<int>(random() % 3);
    item.first = 1 + static_cast<float>(random() % 7) / 8;
  }
  return items;
}

// Submits all, in order, and returns the results.
std::vector<Result> run_all(Session &session, const std::vector<Item> &items) {
  std::vector<Work> works;
  for (size_t i = 0; i < items.size(); ++i) works.push_back(work(items[i].input(), i));
  return run_together(session, std::move(works));
}

}  // namespace

TEST_CASE("equal calls of different items are joined, and each gets its own") {
  const MockBundle bundle(Files{{"forward.lua", loop}});
  calls.clear();
  const auto session = bundle.start(with_workers(1, true));
  std::vector<Item> items;
  for (int i = 0; i < 32; ++i) items.push_back({3, 2, static_cast<float>(i + 20)});
  const std::vector<Result> results = run_all(*session, items);
  for (size_t i = 0; i < items.size(); ++i) {
    REQUIRE(results[i].ok());
    CHECK(values_of(results[i].answer) == items[i].answer());
    CHECK(results[i].timings.batch_size == 16);
  }
  CHECK(calls.rows == std::vector<int64_t>(6, 16));
}

TEST_CASE("what bundle.shared keeps of an item's input outlives the item, in every state") {
  const MockBundle bundle(Files{{"preprocess.lua", R"(
local b = require 'bundle'
return function(x)
  local kept = b.shared('x', function() return {one = x, list = {x}} end)
  local sum = 0
  for i = 1, 3000 do sum = sum + kept.one[0] + kept.list[1]:size(0) end
  return kept.one
end)"}});
  for (const int workers : {1, 2, 4}) {
    const auto session = bundle.start(with_workers(workers, false));
    std::vector<Work> works;
    for (uint64_t i = 0; i < 100; ++i) works.push_back(work(floats({static_cast<float>(i), 2, 3}), i));
    const std::vector<Result> results = run_together(*session, std::move(works));
    for (const Result &result : results) {
      INFO(result.error->message);
      REQUIRE(result.ok());
      CHECK(values_of(result.answer) == values_of(results.front().answer));
    }
  }
}

TEST_CASE("what bundle.shared makes, and an item's random numbers, are the same whichever item makes it") {
  const MockBundle bundle(Files{{"forward.lua", R"(
local bundle = require "bundle"
return function(model, x)
  local made = bundle.shared("noise", function() return {math.random(), math.random()} end)
  return {made[1], made[2], math.random()}
end)"}});
  std::map<uint64_t, std::vector<double>> seen;
  for (const bool turned : {false, true}) {
    const auto session = bundle.start();
    for (const uint64_t number : turned ? std::vector<uint64_t>{2, 1} : std::vector<uint64_t>{1, 2}) {
      const Result result = session->run(work(floats({1}), number));
      INFO(result.error->message);
      REQUIRE(result.ok());
      std::vector<double> numbers;
      for (const Value &v : result.answer.as_list()) numbers.push_back(v.as_number());
      CHECK(seen.try_emplace(number, numbers).first->second == numbers);
    }
  }
  CHECK(seen[1][2] != seen[2][2]);
}

TEST_CASE("offline, what is joined is the same for any number of workers and any timing") {
  const std::string size = GENERATE("1", "2", "8");
  const MockBundle bundle(Files{{"forward.lua", loop}}, "max_size = " + size + "\n");
  std::vector<std::vector<std::vector<float>>> seen;
  const std::vector<Item> items = random_items(7, 600);
  for (const int workers : {1, 2, 3, 8, 2}) {
    calls.clear();
    calls.delay_us = seen.size() % 2 == 0 ? 0 : 50;
    const auto session = bundle.start(with_workers(workers, true));
    const std::vector<Result> results = run_all(*session, items);
    for (size_t i = 0; i < items.size(); ++i) {
      REQUIRE(results[i].ok());
      REQUIRE(values_of(results[i].answer) == items[i].answer());
    }
    std::sort(calls.firsts.begin(), calls.firsts.end());  // two lanes overlap: only the order differs
    seen.push_back(calls.firsts);
    CHECK(seen.back() == seen.front());
  }
}

TEST_CASE("offline, an item by itself does not wait for the rest of a list that its own thread submits") {
  const MockBundle bundle(Files{{"forward.lua", loop}});
  const auto session = bundle.start(with_workers(1, true));
  std::atomic<int> answered{0};
  for (uint64_t i = 0; i < 3; ++i) {
    session->submit(work(Item{}.input(), i), -1, [&](uint64_t, Result &&r) { answered += r.ok() ? 1 : 0; });
  }
  auto alone = std::async(std::launch::async, [&] { return session->run(work(Item{}.input(), 3)).ok(); });
  const bool came = alone.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  if (!came) session->stop();
  CHECK(came);
  if (came) CHECK(alone.get());
  CHECK(answered == 3);
}

// Item 23 fills the queue behind it; then two places become free, too few to wake who submits, while 25 and its like wait.
TEST_CASE("offline and in order, nothing waits for an item that waits for a place in the queue") {
  const MockBundle bundle(Files{{"forward.lua", R"(
return function(model, x)
  if x[0] == 1 then model:wait(x) end
  return x[0] == 2 and model(x) or x
end)"}});
  EngineOptions options = with_workers(1, true);
  options.queue = 24;
  const auto session = bundle.start(options);
  session->set_ordered(true);
  std::atomic<int> answered{0};
  for (uint64_t i = 0; i < 60; ++i) {
    Work w = work(floats({i == 23 ? 1.0f : i >= 25 && i % 2 == 1 ? 2.0f : 0.0f}), i);
    if (i == 23) w.timeout = 0.3;
    REQUIRE_NOTHROW(session->submit(std::move(w), 20, [&](uint64_t, Result &&) { ++answered; }));
  }
  session->drain();
  CHECK(answered == 60);
}

TEST_CASE("offline, blocks of items may be given to several engines, and the same is joined") {
  const MockBundle bundle(Files{{"forward.lua", loop}}, "max_size = 4\n");
  const auto all = bundle.start(with_workers(2, true));
  const uint64_t block = all->facts().block;
  REQUIRE(block > 4);
  const std::vector<Item> items = random_items(11, 2 * block + block / 3);
  const auto joined = [&] {
    std::sort(calls.firsts.begin(), calls.firsts.end());
    return std::exchange(calls.firsts, {});
  };
  calls.clear();
  run_all(*all, items);
  const auto together = joined();
  const std::unique_ptr<Session> engines[] = {bundle.start(with_workers(1, true)), bundle.start(with_workers(3, true))};
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t engine = i / block % 2;
    engines[engine]->submit(work(items[i].input(), i), -1, [](uint64_t, Result &&) {});
    if ((i + 1) % block == 0) engines[engine]->end_input();
  }
  for (const auto &engine : engines) engine->drain();
  CHECK(joined() == together);
}

TEST_CASE("online, with random loops, shapes and cancellations, every answer is right and comes once") {
  const MockBundle bundle(Files{{"forward.lua", loop}}, "max_size = 8\n");
  for (unsigned seed = 0; seed < 20; ++seed) {
    calls.clear();
    EngineOptions options = with_workers(1 + static_cast<int>(seed % 4), false);
    if (seed % 3 == 1) options.max_delay = 0.002;
    const auto session = bundle.start(options);
    if (seed % 2 == 1) session->set_ordered(true);
    const std::vector<Item> items = random_items(seed, 300);
    std::vector<int> times(items.size()), order;
    std::vector<Result> results(items.size());
    std::mutex mutex;
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < items.size(); ++i) {
      ids.push_back(session->submit(work(items[i].input(), i), -1, [&, i](uint64_t, Result &&r) {
        const std::lock_guard lock(mutex);
        ++times[i];
        order.push_back(static_cast<int>(i));
        results[i] = std::move(r);
      }));
      if (i % 7 == 0) session->cancel(ids[i / 2]);
    }
    session->drain();
    for (size_t i = 0; i < items.size(); ++i) {
      REQUIRE(times[i] == 1);
      if (results[i].ok()) {
        REQUIRE(values_of(results[i].answer) == items[i].answer());
      } else {
        REQUIRE(results[i].error.code() == MRUN_CANCELLED);
      }
    }
    if (seed % 2 == 1) REQUIRE(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE("calls of an item by itself are counted as those of many are") {
  const MockBundle bundle;
  const auto session = bundle.start(with_workers(1, false));
  REQUIRE(session->run(work(floats({1, 2}))).ok());
  const Value counts = session->statistics();
  for (const char *key : {"batches", "calls", "largest"}) CHECK(counts.find(key)->as_int() == 1);
}

TEST_CASE("one bad item of a batch costs only itself") {
  const MockBundle bundle;
  calls.clear();
  const auto session = bundle.start(with_workers(1, true));
  std::vector<Work> works;
  for (int i = 10; i < 18; ++i) works.push_back(work(floats({static_cast<float>(-i)}), static_cast<uint64_t>(i)));
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < results.size(); ++i) {
    INFO(results[i].error->message);
    if (i == 3) {
      CHECK(results[i].error.code() == MRUN_MODEL);
      CHECK(results[i].error->message.find("thirteen") != std::string::npos);
    } else {
      REQUIRE(results[i].ok());
      CHECK(values_of(results[i].answer) == std::vector<float>{-2 * static_cast<float>(i + 10)});
    }
  }
}

TEST_CASE("a first dimension of 1 under stack is explained where the call fails") {
  const MockBundle bundle;
  const auto session = bundle.start(with_workers(1, false));
  const Result r = session->run(work(floats({-13, 1}, {1, 2})));
  CHECK(r.error->message.find("first dimension of 1") != std::string::npos);
  CHECK(r.error->message.find("mode = \"none\"") != std::string::npos);
}

TEST_CASE("what a backend gives is held to its schema") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:wrong(x) end"}});
  const auto session = bundle.start(with_workers(1, false));
  const Result r = session->run(work(floats({1})));
  CHECK(r.error.code() == MRUN_MODEL);
  CHECK(r.error->message.find("its schema says Tensor") != std::string::npos);
}

TEST_CASE("defaults of a method's schema are filled in") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:two(x) end"}});
  const auto session = bundle.start(with_workers(1, false));
  CHECK(values_of(session->run(work(floats({5}))).answer) == std::vector<float>{15});
}

TEST_CASE("the limit ends an item inside a model call, and the next one runs") {
  const MockBundle bundle(
      Files{{"forward.lua", "return function(model, x) return x[0] > 0 and model:wait(x) or x end"}});
  EngineOptions options = with_workers(1, false);
  options.timeout = 0.05;
  const auto session = bundle.start(options);
  CHECK(session->run(work(floats({1}))).error.code() == MRUN_TIMEOUT);
  CHECK(session->run(work(floats({-1}))).ok());
}

TEST_CASE("what passes after its slices is none of an item's time") {
  struct Slow : Watch {
    int begins(uint64_t, int64_t, const char *) noexcept override { return 0; }
    void moves(int, const char *) noexcept override {}
    void ends(int) noexcept override { std::this_thread::sleep_for(std::chrono::milliseconds(400)); }
  } slow;
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:two(x) end"}});
  EngineOptions options = with_workers(1, false);
  options.timeout = 0.2;
  options.watch = &slow;
  const auto session = bundle.start(options);
  CHECK(session->run(work(floats({5}))).ok());
}

TEST_CASE("a deadline counts the time in the queue") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:wait(x) end"}});
  EngineOptions options = with_workers(1, false);
  options.timeout = 0.2;
  const auto session = bundle.start(options);
  std::vector<Work> works;
  for (int i = 0; i < 2; ++i) works.push_back(work(floats({1, static_cast<float>(i)}, {1 + i})));
  works[1].deadline = 0.05;
  const std::vector<Result> results = run_together(*session, std::move(works));
  CHECK(results[1].error.code() == MRUN_TIMEOUT);
  CHECK(results[1].error->message.find("deadline") != std::string::npos);
}

TEST_CASE("stopping at any moment answers every item once") {
  const MockBundle bundle(Files{{"forward.lua", loop}});
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    calls.clear();
    calls.delay_us = 20;
    const auto session = bundle.start(with_workers(1 + round % 3, round % 2 == 1));
    std::atomic<int> answered{0};
    const std::vector<Item> items = random_items(static_cast<unsigned>(round), 100);
    int submitted = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      session->submit(work(items[i].input(), i), -1, [&](uint64_t, Result &&) { ++answered; });
      ++submitted;
      if (random() % 60 == 0) break;
    }
    session->stop();
    REQUIRE(answered == submitted);
  }
}

TEST_CASE("stopping with 1,000 items in flight answers each once") {
  const MockBundle bundle(Files{{"forward.lua", loop}});
  for (const bool offline : {false, true}) {
    calls.clear();
    calls.delay_us = 500;
    const auto session = bundle.start(with_workers(2, offline));
    std::atomic<int> answered{0}, wrong{0};
    const int count = offline ? 100 : 1000;  // an offline engine takes as many as its lanes hold
    for (int i = 0; i < count; ++i) {
      session->submit(work(Item{5}.input(), static_cast<uint64_t>(i)), -1, [&](uint64_t, Result &&r) {
        ++answered;
        if (!r.ok() && r.error.code() != MRUN_CANCELLED) ++wrong;
      });
    }
    session->stop();
    CHECK(answered == count);
    CHECK(wrong == 0);
  }
}

// Each schedule: some of the items, in any order and number, some of them cancelled, joined as it happens.
TEST_CASE("exact answers have the same bits over random schedules") {
  const bool many = std::getenv("MRUN_FAULTS") != nullptr;
  const char *const sized = R"(
return function(model, x)
  local y = x.x
  for i = 1, x.n[0] do y = model:sized(y) end
  return y
end
)";
  const MockBundle bundle(Files{{"forward.lua", sized}});
  calls.clear();
  const std::vector<Item> items = random_items(9, 40);
  std::vector<std::vector<float>> wanted;
  std::mt19937 random(10);
  EngineOptions options = with_workers(2, false);
  options.exact = true;
  const auto online = bundle.start(options);
  options.offline = true;
  const auto offline = bundle.start(options);
  for (const Item &item : items) wanted.push_back(values_of(online->run(work(item.input())).answer));
  std::atomic<int> wrong{0}, right{0};
  for (int schedule = 0; schedule < (many ? 100000 : 1500); ++schedule) {
    Session &session = schedule % 2 == 0 ? *online : *offline;
    for (size_t count = 1 + random() % 12; count > 0; --count) {
      const size_t i = random() % items.size();
      const uint64_t id = session.submit(work(items[i].input(), i), -1, [&, i](uint64_t, Result &&r) {
        if (!r.ok()) return;  // cancelled
        const Tensor t = r.answer.as_tensor().contiguous();
        ++(std::equal(wanted[i].begin(), wanted[i].end(), t.data<float>()) ? right : wrong);
      });
      if (random() % 16 == 0) session.cancel(id);
    }
    session.drain();
    calls.clear();
  }
  CHECK(wrong == 0);
  CHECK(right > (many ? 400000 : 6000));
}

TEST_CASE("a callback may submit, cancel and throw, but not wait for itself") {
  const MockBundle bundle;
  EngineOptions options = with_workers(1, false);
  options.queue = 1;
  const auto session = bundle.start(options);
  std::atomic<int> answered{0};
  std::vector<mrun_code> codes;
  session->submit(work(floats({1})), -1, [&](uint64_t id, Result &&) {
    ++answered;
    const auto code = [&](auto &&f) {
      try {
        f();
        codes.push_back(MRUN_OK);
      } catch (const Error &e) { codes.push_back(e.code); }
    };
    code([&] { session->drain(); });
    code([&] { session->run(work(floats({1}))); });
    code([&] {
      session->submit(work(floats({2})), -1, [&](uint64_t, Result &&) {
        ++answered;
        throw 3;
      });
    });
    code([&] { session->submit(work(floats({3})), -1, [&](uint64_t, Result &&) { ++answered; }); });
    CHECK_FALSE(session->cancel(id));
  });
  session->drain();
  CHECK(answered == 2);
  CHECK(codes == std::vector<mrun_code>{MRUN_USAGE, MRUN_USAGE, MRUN_OK, MRUN_TIMEOUT});
}

TEST_CASE("a state over its memory is given up, and its items run again alone without repeating emit or log") {
  const MockBundle bundle(Files{{"forward.lua", R"(
local log = require "log"
return function(model, x)
  log.warn "begin"
  emit("begin")
  local kept = ("x"):rep(x[0])
  local y = model(x)
  emit("end")
  log.warn "end"
  return {#kept, y[0]}
end
)"}});
  EngineOptions options = with_workers(1, true);
  options.lua_memory = 12 << 20;
  std::map<std::string, int> logged;
  options.log = [&logged](int, const std::string &, const std::string &text) { ++logged[text]; };
  const auto session = bundle.start(options);
  std::vector<Work> works;
  std::vector<int> emitted(6);
  for (size_t i = 0; i < 6; ++i) {
    const float size =
        i == 4 ? 20e6f : 3e6f + static_cast<float>(i);  // five of 3 MB do not fit together; 20 MB do not fit at all
    works.push_back(work(floats({size}), i));
    works.back().emit = [&emitted, i](const Value &) { ++emitted[i]; };
  }
  const std::vector<Result> results = run_together(*session, std::move(works));
  for (size_t i = 0; i < 6; ++i) {
    INFO(i << ": " << results[i].error->message);
    if (i == 4) {
      CHECK(results[i].error.code() == MRUN_MEMORY);
    } else {
      CHECK(results[i].ok());
      CHECK(emitted[i] == 2);
    }
  }
  CHECK(logged == std::map<std::string, int>{{"begin", 6}, {"end", 5}});
}

TEST_CASE("an item does not wait for a worker whose state is to be renewed while another one sleeps") {
  const MockBundle bundle(Files{{"forward.lua", R"(
return function(model, x)
  if x[0] == 0 then return x end
  pcall(function() local t = {} for i = 1, 1e7 do t[i] = i end end)
  return model:wait(x)
end)"}});
  EngineOptions options = with_workers(3, false);
  options.lua_memory = 12 << 20;
  options.max_delay = 0.05;  // then any of the workers that have gone to sleep meanwhile may run the call
  for (int round = 0; round < 12; ++round) {
    const auto session = bundle.start(options);
    std::atomic<int> cancelled{0};
    const uint64_t blocked = session->submit(
        work(floats({1})), -1, [&](uint64_t, Result &&r) { cancelled += r.error.code() == MRUN_CANCELLED ? 1 : 0; });
    ::usleep(10000);
    for (int i = 0; i < 4; ++i) session->submit(work(floats({0})), -1, [](uint64_t, Result &&) {});
    ::usleep(100000);
    std::promise<void> answered;
    session->submit(work(floats({0})), -1, [&](uint64_t, Result &&) { answered.set_value(); });
    CHECK(answered.get_future().wait_for(std::chrono::seconds(5)) == std::future_status::ready);
    session->cancel(blocked);
    session->drain();
    CHECK(cancelled == 1);
  }
}

TEST_CASE("JSON for which others in the state have left no room is made where there is room") {
  const MockBundle bundle(Files{{"forward.lua", R"(
local json = require "json"
return function(model, x)
  local part, list = ("x"):rep(20000 + x[0]), {}
  for i = 1, 200 do list[i] = part end
  local text = json.encode(list)
  local y = model(x)
  return {#text, y[0]}
end
)"}});
  EngineOptions options = with_workers(1, true);
  options.lua_memory = 10 << 20;
  const auto session = bundle.start(options);
  std::vector<Work> works;
  for (uint64_t i = 0; i < 4; ++i) works.push_back(work(floats({static_cast<float>(i)}), i));
  for (const Result &result : run_together(*session, std::move(works))) CHECK(result.error->message == "");
}

TEST_CASE("an answer that JSON cannot hold is a failed item") {
  const MockBundle bundle(Files{{"postprocess.lua", "return function(y) return 0 / 0 end"}});
  const auto session = bundle.start(with_workers(1, false));
  Work w = work(floats({1}));
  w.json = true;
  CHECK_FALSE(session->run(w).ok());
  CHECK(session->statistics().find("failed")->as_int() == 1);
}

TEST_CASE("a forked child is told to start its own engine") {
  const MockBundle bundle;
  const auto session = bundle.start(with_workers(1, false));
  REQUIRE(session->run(work(floats({1}))).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      session->run(work(floats({1})));
    } catch (const Error &e) { ::_exit(e.code == MRUN_USAGE ? 0 : 1); }
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

// ---- what cannot be made

TEST_CASE("top-level code that throws ends the start, or where it throws later the items of that worker") {
  CHECK_THROWS_AS(MockBundle(Files{{"preprocess.lua", "error 'no'"}}).start(), Error);
  calls.counted = 0;
  const MockBundle bundle(
      Files{{"preprocess.lua",
             "if require('mock').count() > 1 then error 'once is enough' end\nreturn function(x) return x end"}});
  calls.delay_us = 2000;
  const auto session = bundle.start(with_workers(3, false));
  std::vector<Work> works;
  for (int i = 0; i < 40; ++i) works.push_back(work(floats(std::vector<float>(static_cast<size_t>(i % 5 + 1))), 0));
  int failed = 0;
  for (const Result &r : run_together(*session, std::move(works))) {
    if (r.ok()) continue;
    ++failed;
    CHECK(r.error->message.find("once is enough") != std::string::npos);
  }
  CHECK(session->statistics().find("failed")->as_int() == failed);
  CHECK(session->run(work(floats({1}))).ok());  // in the first worker's state
  calls.delay_us = 0;
}

TEST_CASE("a full queue is stopped with those who wait for a place in it") {
  const MockBundle bundle(Files{{"forward.lua", "return function(model, x) return model:wait(x) end"}});
  EngineOptions options = with_workers(1, false);
  options.queue = 2;
  const auto session = bundle.start(options);
  std::atomic<int> answered{0};
  const auto count = [&](uint64_t, Result &&r) { answered += r.error.code() == MRUN_CANCELLED ? 1 : 0; };
  for (int i = 0; i < 2; ++i) session->submit(work(floats({1})), -1, count);
  CHECK_THROWS_AS(session->submit(work(floats({1})), 0.01, count), Error);
  std::atomic<int> refused{0};
  std::thread waits([&] {
    try {
      session->submit(work(floats({1})), -1, count);
    } catch (const Error &e) { refused = e.code; }
  });
  ::usleep(20000);
  session->stop();
  waits.join();
  CHECK(answered == 2);
  CHECK(refused == MRUN_CANCELLED);
}
