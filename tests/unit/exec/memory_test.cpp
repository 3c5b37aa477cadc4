// What runs out while an engine works: memory, at any allocation of any of its threads, and threads. Items fail with
// MEMORY, and the engine works on.
#include <dlfcn.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

#include "support.h"

using namespace mrun;
using namespace mrun::test;

namespace {

constexpr long never = -1, no_limit = std::numeric_limits<long>::max();
std::atomic<long> until_failure{never};    // allocations of all threads that still succeed
std::atomic<long> failures{0};             // how many fail then
std::atomic<long> failed{0};               // have failed
std::atomic<long> threads_left{no_limit};  // that can be made

bool must_fail() {
  if (until_failure.load(std::memory_order_relaxed) == never) return false;
  const long left = until_failure.fetch_sub(1);
  if (left > 0) return false;
  const bool fails = -left < failures;
  if (fails) ++failed;
  if (!fails) until_failure = never;
  return fails;
}

void *allocate(std::size_t size) {
  if (must_fail()) throw std::bad_alloc();
  if (void *p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}

// The allocations [from, from + count) fail while it lives.
struct Shortage {
  Shortage(long from, long count) {
    failed = 0;
    failures = count;
    until_failure = from;
  }
  ~Shortage() { until_failure = never; }
  Shortage(const Shortage &) = delete;
  Shortage &operator=(const Shortage &) = delete;
};

// Runs items of one engine, of which the allocations [from, from + count) fail. Whether any did.
bool run_short_of_memory(Session &engine, long from, long count) {
  constexpr size_t items = 5;
  std::vector<Work> works;
  for (size_t i = 0; i < items; ++i) works.push_back(work(floats({static_cast<float>(i), 1}), i));
  std::vector<Result> results(items);
  std::vector<int> answers(items, 0);
  std::vector<bool> refused(items, false);
  {
    const Shortage shortage(from, count);
    for (size_t i = 0; i < items; ++i) {
      try {
        engine.submit(std::move(works[i]), -1, [&results, &answers, i](uint64_t, Result &&r) {
          results[i] = std::move(r);
          ++answers[i];
        });
      } catch (const std::bad_alloc &) { refused[i] = true; } catch (const Error &e) {
        refused[i] = e.code == MRUN_MEMORY;
      }
    }
    engine.drain();
  }
  for (size_t i = 0; i < items; ++i) {
    INFO("allocations " << from << " to " << from + count << ", item " << i << ": " << results[i].error->message);
    REQUIRE(answers[i] == (refused[i] ? 0 : 1));
    if (refused[i]) continue;
    if (results[i].ok()) {
      REQUIRE(values_of(results[i].answer) == std::vector<float>{static_cast<float>(8 * i), 8});
    } else {
      REQUIRE(results[i].error.code() == MRUN_MEMORY);
    }
  }
  return failed > 0;
}

constexpr const char *three_calls = "return function(model, x) for i = 1, 3 do x = model(x) end return x end";

void run_short_of_memory(const MockBundle &bundle, const EngineOptions &options, long count) {
  bool any = true;
  for (long from = 0; any; from += 1 + from / 50) {
    const auto engine = bundle.start(options);
    any = run_short_of_memory(*engine, from, count);
    run_short_of_memory(*engine, 1L << 40, 0);  // it lives, and all are answered
    REQUIRE(engine->run(work(floats({1, 1}))).ok());
  }
}

}  // namespace

// Of the whole test program; by default they do what the standard's do.
void *operator new(std::size_t size) { return allocate(size); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  try {
    return allocate(size);
  } catch (const std::bad_alloc &) { return nullptr; }
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, std::size_t) noexcept { std::free(p); }

// Before the system's: the standard's threads are made by it.
extern "C" int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument) {
  static const auto next = reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  return threads_left-- > 0 ? next(thread, how, run, argument) : EAGAIN;
}

TEST_CASE("an engine that gets no thread says so, and works once it gets one") {
  const MockBundle bundle;
  const auto engine = bundle.start();
  threads_left = 0;
  std::optional<Error> refused;
  try {
    engine->submit(work(floats({1})), -1, [](uint64_t, Result &&) {});
  } catch (const Error &e) { refused = e; }
  const Result direct = engine->run(work(floats({1})));
  threads_left = no_limit;
  REQUIRE(refused);
  REQUIRE(refused->code == MRUN_MEMORY);
  REQUIRE(refused->message.find("no thread could be started for the engine's worker") == 0);
  REQUIRE(direct.ok());  // in this thread
  std::vector<Work> works;
  works.push_back(work(floats({3})));
  REQUIRE(values_of(run_together(*engine, std::move(works)).front().answer) == std::vector<float>{6});
}

TEST_CASE("an engine whose second thread cannot be made works with one") {
  const MockBundle bundle;
  EngineOptions options;
  options.workers = 2;
  const auto engine = bundle.start(options);
  threads_left = 1;
  std::vector<Work> works;
  for (int i = 0; i < 4; ++i) works.push_back(work(floats({static_cast<float>(i)})));
  const std::vector<Result> results = run_together(*engine, std::move(works));
  threads_left = no_limit;
  for (size_t i = 0; i < results.size(); ++i)
    REQUIRE(values_of(results[i].answer) == std::vector<float>{static_cast<float>(2 * i)});
}

TEST_CASE("any allocation of an engine may fail: each item is answered, and the engine works on") {
  const MockBundle bundle({{"forward.lua", three_calls}}, "max_size = 2\n");
  EngineOptions options;
  options.workers = 2;
  for (const bool offline : {true, false}) {
    options.offline = offline;
    for (const long count : {1L, 20L}) run_short_of_memory(bundle, options, count);
  }
}

TEST_CASE("any allocation may fail where each item has a model of its own, which one call at a time may use") {
  const MockBundle bundle({{"forward.lua", three_calls}}, "", "file = \"m.serial\"\nstateful = true\n");
  EngineOptions options;
  options.workers = 2;
  for (const long count : {1L, 20L}) run_short_of_memory(bundle, options, count);
}

TEST_CASE("a plugin that there was no memory for is there whole once there is") {
  Mock::plugin();
  bool any = true;
  for (long from = 0; any; ++from) {
    Registry registry(std::vector<fs::path>{});
    try {
      const Shortage shortage(from, 1);
      Mock::add_to(registry);
    } catch (const std::bad_alloc &) {}
    any = failed > 0;
    Mock::add_to(registry);
    REQUIRE(registry.find("mock.now@1") != nullptr);
    REQUIRE(registry.backend("mock") != nullptr);
    REQUIRE(registry.loaded().size() == 1);
  }
}

TEST_CASE("an object that an operation had no memory to use is free again") {
  Registry registry({MRUN_OUT_OF_TREE_PLUGINS});
  ItemContext item;
  mrun_call call(item);
  const std::vector<Value> cell = call_operation(registry.require("kit.cell@1"), call, {}).values;
  const OperationSet &add = registry.require("kit.Cell.add@1");
  const mrun_value args[] = {cell[0].c(), Value::number(1).c()};
  bool any = true;
  for (long from = 0; any; ++from) {
    try {
      const Shortage shortage(from, 1);
      call_operation(add, call, args);
    } catch (const std::bad_alloc &) {
    } catch (const Error &e) { REQUIRE(e.code == MRUN_MEMORY); }
    any = failed > 0;
    REQUIRE_NOTHROW(call_operation(add, call, args));
  }
}
