#include "base/budget.h"

#include <algorithm>
#include <random>
#include <thread>

#include "catch.h"

using namespace mrun;

namespace {

using Budgets = std::vector<std::shared_ptr<Budget>>;

Budgets several(size_t count, int64_t limit) {
  Budgets budgets;
  for (size_t i = 0; i < count; ++i) budgets.push_back(std::make_shared<Budget>(limit));
  return budgets;
}

bool all_hold(const Budgets &budgets, int64_t least, int64_t most) {
  return std::ranges::all_of(budgets, [=](const auto &b) { return b->used() >= least && b->used() <= most; });
}

constexpr int64_t step = 4096;  // budget.cpp

}  // namespace

TEST_CASE("what several hold together is charged to each by an equal share, at the most they held at once") {
  const Budgets sharers = several(GENERATE(2, 3, 32), int64_t{1} << 30);
  const auto n = static_cast<int64_t>(sharers.size());
  std::mt19937 random(1);
  std::vector<int64_t> held;
  int64_t sum = 0, most = 0;
  Budget together(sharers);
  for (int i = 0; i < 2000; ++i) {
    if (!held.empty() && random() % 2 == 0) {
      std::swap(held[random() % held.size()], held.back());
      CHECK(together.charge(-held.back()));
      sum -= held.back();
      held.pop_back();
    } else {
      held.push_back(static_cast<int64_t>(random() % 100'000));
      CHECK(together.charge(held.back()));
      sum += held.back();
    }
    most = std::max(most, sum);
    CHECK(together.used() == sum);
    // Each amount is rounded up by itself.
    CHECK(all_hold(sharers, most / n, most / n + static_cast<int64_t>(held.size()) + 1000 + step));
  }
  together.settle();
  CHECK(all_hold(sharers, sum / n, sum / n + static_cast<int64_t>(held.size())));
  while (!held.empty()) {
    together.charge(-held.back());
    sum -= held.back();
    held.pop_back();
    CHECK(all_hold(sharers, sum / n, sum / n + static_cast<int64_t>(held.size())));
  }
  CHECK(all_hold(sharers, 0, 0));
}

TEST_CASE("where one of several has no room, none is charged") {
  Budgets sharers = several(4, int64_t{1} << 20);
  sharers[2] = std::make_shared<Budget>(50'000);
  {
    Budget together(sharers);
    CHECK(together.charge(40'000));
    CHECK_FALSE(together.charge(400'000));
    CHECK(together.used() == 40'000);
    CHECK(together.charge(120'000));  // 40,000 each, of 50,000
    CHECK_FALSE(together.charge(std::numeric_limits<int64_t>::max()));
    CHECK(together.charge(-160'000));
    CHECK(all_hold(sharers, 40'000, 40'000 + step));
    CHECK(together.charge(160'000));
    CHECK(together.charge(-160'000));
  }
  CHECK(all_hold(sharers, 0, 0));
}

TEST_CASE("threads that charge and give back leave nothing, also when the call has ended") {
  const Budgets sharers = several(3, int64_t{1} << 40);
  Budget together(sharers);
  const auto use = [&together](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 20'000; ++i) {
      const auto bytes = static_cast<int64_t>(random() % 50'000);
      if (together.charge(bytes)) together.charge(-bytes);
    }
  };
  std::thread one([&] { use(1); }), other([&] { use(2); });
  std::this_thread::yield();
  together.settle();
  one.join();
  other.join();
  CHECK(together.used() == 0);
  together.settle();
  CHECK(all_hold(sharers, 0, 0));
}
