#include "exec/engine/delivery.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "base/error.h"
#include "catch.h"

using namespace mrun;

namespace {

struct Item {
  uint64_t id = 0;
  Done done;
  std::shared_ptr<int> of_the_host;
};

// As an owner has it: the lock, and what it is told of.
class Owner {
 public:
  // The number of an item, whose done is this. Empty: nobody is told.
  uint64_t take(Done done, std::shared_ptr<int> of_the_host = {}) {
    auto node = Delivery<Item>::new_node();
    node.mapped().item->done = std::move(done);
    node.mapped().item->of_the_host = std::move(of_the_host);
    const ExclusiveLock lock(mutex);
    const uint64_t number = node.mapped().item->id = delivery.next_number();
    delivery.reserve();
    delivery.take(std::move(node));
    return number;
  }
  uint64_t take_noted() {
    return take([this](uint64_t id, Result &&) { told.push_back(id); });
  }
  void answer(uint64_t number) {
    const ExclusiveLock lock(mutex);
    delivery.answer(mutex, number, {});
  }
  bool is_locked() {
    if (!mutex.try_lock()) return true;
    mutex.unlock();
    return false;
  }

  Mutex mutex;
  int free_places = 0, ends = 0;
  Delivery<Item> delivery{[this] { ++free_places; }, [this] { ++ends; }};
  std::vector<uint64_t> told;
};

}  // namespace

TEST_CASE("answers are told as they come, or in the order of their items") {
  for (const bool ordered : {false, true}) {
    Owner owner;
    owner.delivery.set_ordered(ordered);
    for (int i = 0; i < 4; ++i) owner.take_noted();
    for (const uint64_t number : {3, 1, 4}) owner.answer(number);
    CHECK(owner.told == (ordered ? std::vector<uint64_t>{1} : std::vector<uint64_t>{3, 1, 4}));
    CHECK(owner.delivery.held() == (ordered ? 2 : 0));
    CHECK(owner.delivery.pending() == (ordered ? 3 : 1));
    CHECK(owner.delivery.unanswered().size() == 1);
    CHECK(owner.ends == 0);
    owner.answer(2);
    CHECK(owner.told == (ordered ? std::vector<uint64_t>{1, 2, 3, 4} : std::vector<uint64_t>{3, 1, 4, 2}));
    CHECK(owner.delivery.all_told());
    CHECK(owner.free_places == 4);
    CHECK(owner.ends == 1);
    CHECK_THROWS_AS(owner.delivery.set_ordered(true), Error);
  }
}

TEST_CASE("an item that nobody is told of, or whose callback throws, does not hold up those behind it") {
  Owner owner;
  owner.delivery.set_ordered(true);
  owner.take({});
  owner.take([](uint64_t, Result &&) { throw std::runtime_error("a host's"); });
  owner.take_noted();
  for (const uint64_t number : {3, 2, 1}) owner.answer(number);
  CHECK(owner.told == std::vector<uint64_t>{3});
  CHECK(owner.delivery.all_told());
}

TEST_CASE("a callback has no lock, its own place is free, and what is the host's goes without the lock") {
  Owner owner;
  bool locked_in_callback = true, locked_in_deleter = true;
  size_t pending = 9;
  const auto deleter = [&](const int *p) {
    delete p;
    locked_in_deleter = owner.is_locked();
  };
  owner.take(
      [&](uint64_t, Result &&) {
        locked_in_callback = owner.is_locked();
        pending = owner.delivery.pending();
        CHECK_FALSE(owner.delivery.all_told());
        owner.take_noted();  // as a submit in a callback
      },
      std::shared_ptr<int>(new int(1), deleter));
  owner.answer(1);
  CHECK_FALSE(locked_in_callback);
  CHECK_FALSE(locked_in_deleter);
  CHECK(pending == 0);
  CHECK(owner.ends == 0);
  owner.answer(2);
  CHECK(owner.told == std::vector<uint64_t>{2});
  CHECK(owner.ends == 1);
}

TEST_CASE("answers of many threads are told once each, in order by one thread at a time") {
  constexpr uint64_t items = 4000, threads = 4;
  Owner owner;
  owner.delivery.set_ordered(true);
  std::atomic<int> inside{0};
  bool alone = true;
  for (uint64_t i = 0; i < items; ++i) {
    owner.take([&](uint64_t id, Result &&) {
      alone = alone && ++inside == 1;
      owner.told.push_back(id);
      --inside;
    });
  }
  std::vector<uint64_t> numbers(items), in_order;
  for (uint64_t i = 0; i < items; ++i) numbers[i] = i + 1;
  in_order = numbers;
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(7));  // NOLINT: the same each time
  std::vector<std::thread> answering;
  for (uint64_t t = 0; t < threads; ++t) {
    answering.emplace_back([&, t] {
      for (uint64_t i = t; i < items; i += threads) owner.answer(numbers[i]);
    });
  }
  for (std::thread &t : answering) t.join();
  CHECK(alone);
  CHECK(owner.told == in_order);
  CHECK(owner.delivery.all_told());
}
