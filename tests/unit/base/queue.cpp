#include "base/queue.h"

#include <atomic>
#include <thread>
#include <vector>

#include "catch.h"

using namespace mrun;

TEST_CASE("queue: items come out in order, also after it was closed") {
  BoundedQueue<int> queue(3);
  CHECK(queue.push(1));
  CHECK(queue.push(2));
  queue.close();
  CHECK_FALSE(queue.push(3));
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  CHECK_FALSE(queue.pop().has_value());
  CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("queue: a full one holds its producer back, for as long as he wants") {
  BoundedQueue<int> queue(1);
  CHECK(queue.push(1));
  CHECK_FALSE(queue.push(2, 0));
  CHECK_FALSE(queue.push(2, 0.001));
  bool pushed = false;
  std::thread producer([&] { pushed = queue.push(2); });
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  producer.join();
  CHECK(pushed);
}

TEST_CASE("queue: closing wakes whoever waits") {
  BoundedQueue<int> full(1), empty(1);
  REQUIRE(full.push(1));
  std::atomic<int> ended{0};
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] {
      full.push(2);
      ++ended;
    });
    waiting.emplace_back([&] {
      empty.pop();
      ++ended;
    });
  }
  full.close();
  empty.close();
  for (std::thread &t : waiting) t.join();
  CHECK(ended == 6);
}

TEST_CASE("queue: nothing is lost or doubled between many threads") {
  BoundedQueue<int> queue(4);
  std::atomic<int64_t> sum{0}, count{0};
  std::vector<std::thread> producers, consumers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < 1000; ++i) queue.push(p * 1000 + i);
    });
    consumers.emplace_back([&] {
      while (const auto item = queue.pop()) {
        sum += *item;
        ++count;
      }
    });
  }
  for (std::thread &t : producers) t.join();
  queue.close();
  for (std::thread &t : consumers) t.join();
  CHECK(count == 3000);
  CHECK(sum == 2999 * 3000 / 2);
}
