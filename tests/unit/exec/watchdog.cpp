#include "exec/watchdog.h"

#include <thread>

#include "catch.h"

using namespace mrun;

namespace {

// Waits for the flag; the limit is only there so that a broken watchdog fails instead of hanging.
bool stopped(const ItemContext &item) {
  for (int i = 0; i < 10000 && item.stop == MRUN_OK; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return item.stop == MRUN_TIMEOUT;
}

}  // namespace

TEST_CASE("an item is told to stop when its time is over") {
  Watchdog dog;
  const auto item = std::make_shared<ItemContext>();
  const Watchdog::Watch watch(dog, item, 0.02);
  REQUIRE(stopped(*item));
}

TEST_CASE("an earlier deadline that comes later is seen, and ended watches are not") {
  Watchdog dog;
  const auto late = std::make_shared<ItemContext>(), soon = std::make_shared<ItemContext>(),
             gone = std::make_shared<ItemContext>();
  const Watchdog::Watch a(dog, late, 1000);
  { const Watchdog::Watch ended(dog, gone, 0.01); }
  const Watchdog::Watch b(dog, soon, 0.02);
  REQUIRE(stopped(*soon));
  REQUIRE(late->stop == MRUN_OK);
  REQUIRE(gone->stop == MRUN_OK);
}

TEST_CASE("no limit, and one beyond the clock, never stop an item") {
  Watchdog dog;
  const auto item = std::make_shared<ItemContext>();
  for (const double seconds : {0.0, -1.0, 1e300}) { const Watchdog::Watch watch(dog, item, seconds); }
  REQUIRE(item->stop == MRUN_OK);
}

TEST_CASE("a cancelled item stays cancelled when its time ends") {
  Watchdog dog;
  const auto item = std::make_shared<ItemContext>(), other = std::make_shared<ItemContext>();
  item->stop = MRUN_CANCELLED;
  const Watchdog::Watch a(dog, item, 0.01), b(dog, other, 0.03);
  REQUIRE(stopped(*other));
  REQUIRE(item->stop == MRUN_CANCELLED);
}
