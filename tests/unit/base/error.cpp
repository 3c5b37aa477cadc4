#include "base/error.h"

#include <thread>

#include "base/block.h"
#include "base/budget.h"
#include "catch.h"

using namespace mrun;

TEST_CASE("error: codes have the names that answers show") {
  CHECK(std::string(code_name(MRUN_OK)) == "OK");
  CHECK(std::string(code_name(MRUN_TIMEOUT)) == "TIMEOUT");
  CHECK(std::string(code_name(MRUN_CRASH)) == "CRASH");
  CHECK(std::string(code_name(MRUN_INTERNAL)) == "INTERNAL");
  CHECK(std::string(code_name(-1)) == "INTERNAL");
  CHECK(std::string(code_name(1000)) == "INTERNAL");
}

TEST_CASE("failure: of none it is OK without a text, else the error, and of memory it wants none") {
  const Failure none;
  CHECK_FALSE(none);
  CHECK(none.code() == MRUN_OK);
  CHECK(none->message.empty());
  Error e(MRUN_MODEL, "a text that is too long for a string to hold without memory of its own");
  e.stage = "forward";
  Failure failure = e;
  CHECK(failure);
  CHECK(failure.code() == MRUN_MODEL);
  CHECK(failure->message == e.message);
  CHECK((*failure).stage == "forward");
  const Failure copy = failure;
  failure = Failure::of_memory();
  CHECK(failure.code() == MRUN_MEMORY);
  CHECK(failure->message == "out of memory");
  CHECK(failure->stage == "engine");
  CHECK(copy->message == e.message);
}

TEST_CASE("budget: what passes the limit is refused and not charged") {
  Budget budget(100);
  CHECK(budget.charge(60));
  CHECK_FALSE(budget.charge(41));
  CHECK(budget.charge(40));
  CHECK(budget.used() == 100);
  CHECK_FALSE(budget.charge(INT64_MAX));
  CHECK(budget.charge(-100));
  CHECK(budget.used() == 0);
}

TEST_CASE("budget: threads never pass the limit together") {
  Budget budget(1000);
  std::atomic<int64_t> got{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (budget.charge(1)) ++got;
      }
    });
  }
  for (std::thread &t : threads) t.join();
  CHECK(got == 1000);
  CHECK(budget.used() == 1000);
}

TEST_CASE("block: the last reference destroys it, however deep the chain") {
  static std::atomic<int> alive{0};
  struct Link : Block {
    explicit Link(Block *n) : next(n) { ++alive; }
    ~Link() override {
      --alive;
      if (next != nullptr) next->release();
    }
    Block *next;
  };
  Block *chain = nullptr;
  for (int i = 0; i < 1'000'000; ++i) chain = new Link(chain);
  chain->retain();
  chain->release();
  CHECK(alive == 1'000'000);
  chain->release();
  CHECK(alive == 0);
}
