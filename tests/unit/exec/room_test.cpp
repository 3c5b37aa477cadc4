#include "exec/engine/room.h"

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "catch.h"
#include "exec/engine/callback_scope.h"

using namespace mrun;

namespace {

// A session's queue, as its owner has it.
class Queue {
 public:
  explicit Queue(int places)
      : room(session(), places, [this] { return stopping ? Room::Free::many : room.beside(taken); }) {}
  const Session *session() const { return reinterpret_cast<const Session *>(this); }  // a name, no more
  // What a submit does.
  mrun_code take(double seconds) {
    const ExclusiveLock lock(mutex);
    try {
      room.wait(mutex, seconds);
    } catch (const Error &e) {
      said = e.message;
      return e.code;
    }
    ++taken;
    return MRUN_OK;
  }
  void give(size_t places) {
    const ExclusiveLock lock(mutex);
    taken -= places;
    room.tell();
  }

  Mutex mutex;
  size_t taken = 0;
  bool stopping = false;
  std::string said;
  Room room;
};

}  // namespace

TEST_CASE("a queue's free places are many from an eighth of it on, of a small one from the first") {
  const Room large(nullptr, 64, {}), small(nullptr, 4, {});
  CHECK(large.beside(0) == Room::Free::many);
  CHECK(large.beside(56) == Room::Free::many);
  CHECK(large.beside(57) == Room::Free::some);
  CHECK(large.beside(63) == Room::Free::some);
  CHECK(large.beside(64) == Room::Free::none);
  CHECK(large.beside(65) == Room::Free::none);
  CHECK(small.beside(3) == Room::Free::many);
  CHECK(small.beside(4) == Room::Free::none);
}

TEST_CASE(
    "a place is taken at once where one is free; a full queue is waited for as long as was said, in a callback not at "
    "all") {
  Queue queue(1);
  CHECK(queue.take(-1) == MRUN_OK);
  CHECK(queue.take(0) == MRUN_TIMEOUT);
  CHECK(queue.said == "the queue of 1 item stayed full for 0 s");
  CHECK(queue.take(0.01) == MRUN_TIMEOUT);
  CHECK(queue.said == "the queue of 1 item stayed full for 0.01 s");
  const CallbackScope scope(queue.session());
  CHECK(queue.take(-1) == MRUN_TIMEOUT);
  CHECK(queue.take(1e300) == MRUN_TIMEOUT);
}

TEST_CASE("who waits goes on when many places are free, when the time is over and one is, and when nobody is to wait") {
  Queue queue(64);
  queue.taken = 64;
  std::future<mrun_code> waits = std::async(std::launch::async, [&] { return queue.take(1e300); });
  const auto goes_on = [&] { return waits.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready; };
  CHECK_FALSE(goes_on());
  SECTION("many") {
    queue.give(1);
    CHECK_FALSE(goes_on());
    queue.give(7);
    CHECK(waits.get() == MRUN_OK);
    CHECK(queue.taken == 57);
  }
  SECTION("stopping") {
    {
      const ExclusiveLock lock(queue.mutex);
      queue.stopping = true;
      queue.room.tell();
    }
    CHECK(waits.get() == MRUN_OK);
  }
  SECTION("time") {
    queue.give(1);
    CHECK_FALSE(goes_on());
    CHECK(queue.take(-1) == MRUN_OK);  // who comes meanwhile need not wait for more
    std::future<mrun_code> shortly = std::async(std::launch::async, [&] { return queue.take(0.1); });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    queue.give(1);
    CHECK(shortly.get() == MRUN_OK);
    queue.give(8);
    CHECK(waits.get() == MRUN_OK);
  }
}

TEST_CASE("who will wait does first what others wait for, counted as waiting already") {
  Mutex mutex;
  size_t taken = 1;
  bool counted = false;
  Room *self = nullptr;
  Room room(
      nullptr, 1, [&] { return self->beside(taken); },
      [&] {
        counted = self->is_waited_for();
        taken = 0;
      });
  self = &room;
  const ExclusiveLock lock(mutex);
  room.wait(mutex, -1);
  CHECK(counted);
  CHECK_FALSE(room.is_waited_for());
  counted = false;
  room.wait(mutex, -1);
  CHECK_FALSE(counted);  // a place was free
}
