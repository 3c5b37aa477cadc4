// Everything at once, as hosts with many threads do it: what mrun.h promises of one call holds of all. ThreadSanitizer sees
// most of the host's side here.
#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <random>

#include "support.h"

using namespace host_test;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct How {
  int32_t isolation, processes, offline, ordered;
};

mrun_options options_of(const How &how) {
  mrun_options o = options(2);
  o.isolation = how.isolation;
  o.processes = how.processes;
  o.offline = how.offline;
  o.queue = 64;
  return o;
}

// What a storm's threads share. Each submitted item is given a place, and what came of it is counted there.
struct Storm {
  mrun_engine *engine = nullptr;
  std::mutex mutex;
  std::vector<uint64_t> ids;
  std::atomic<int> taken{0}, answered{0}, told{0}, strange{0};
  std::atomic<bool> stopped{false};

  struct Asked {
    Storm *storm;
    int answers = 0;
  };
  std::vector<std::unique_ptr<Asked>> asked;

  Asked &ask() {
    const std::lock_guard lock(mutex);
    return *asked.emplace_back(new Asked{this});
  }
  void check(int code, std::initializer_list<int> wanted) {
    if (std::find(wanted.begin(), wanted.end(), code) == wanted.end()) ++strange;
  }
  void submit(double wait) {
    mrun_item item;
    MRUN_INIT(item);
    item.emit_user = this;
    item.emit = [](void *user, const mrun_value *) { static_cast<Storm *>(user)->hear(); };
    const mrun_value input = mrun_text("x");
    uint64_t id = 0;
    Asked &mine = ask();
    const int code = mrun_submit(engine, &input, &item, wait, done, &mine, &id);
    check(code, {MRUN_OK, MRUN_TIMEOUT, MRUN_CANCELLED, MRUN_USAGE});  // USAGE: it has been stopped
    if (code != MRUN_OK) return;
    ++taken;
    const std::lock_guard lock(mutex);
    ids.push_back(id);
  }
  static void done(void *user, mrun_result *r) {
    Asked &mine = *static_cast<Asked *>(user);
    mine.storm->hear();
    mine.storm->check(r->code, {MRUN_OK, MRUN_CANCELLED});
    ++mine.answers;
    const int n = ++mine.storm->answered;
    if (n % 3 == 0) mine.storm->submit(-1);
    if (n % 5 == 0) mine.storm->cancel(n);
  }
  void hear() {
    ++told;
    if (stopped) ++strange;  // no callback once mrun_stop has returned
  }
  void cancel(int n) {
    uint64_t id = 0;
    {
      const std::lock_guard lock(mutex);
      if (ids.empty()) return;
      id = ids[ids.size() - 1 - static_cast<size_t>(n) % std::min<size_t>(ids.size(), 20)];
    }
    check(mrun_cancel(engine, id), {MRUN_OK, MRUN_MISSING, MRUN_USAGE});
  }
  void run() {
    mrun_item item;
    MRUN_INIT(item);
    item.emit_user = this;
    item.emit = [](void *user, const mrun_value *) { static_cast<Storm *>(user)->hear(); };
    check(host_test::run(engine, mrun_text("y"), &item).code, {MRUN_OK, MRUN_CANCELLED, MRUN_USAGE});
  }
  void count() {
    char *json = nullptr;
    check(mrun_statistics(engine, &json), {MRUN_OK, MRUN_USAGE});
    mrun_free(json);
  }
  void blow(unsigned seed, const std::atomic<bool> &over) {
    std::mt19937 random(seed);
    while (!over) {
      switch (random() % 8) {
        case 0: run(); break;
        case 1: cancel(static_cast<int>(random() % 20)); break;
        case 2: count(); break;
        case 3: check(mrun_end(engine), {MRUN_OK, MRUN_USAGE}); break;
        default: submit(random() % 2 == 0 ? -1 : 0.001); break;
      }
    }
  }
};

}  // namespace

TEST_CASE("whatever several threads do at once, each item is answered once, and nothing is called after the stop") {
  const Folder folder("text", {{"postprocess.lua", "return function(s) emit(s) return s end"}});
  const How how = GENERATE(How{MRUN_ISOLATION_NONE, 0, 0, 0}, How{MRUN_ISOLATION_NONE, 0, 1, 1},
                           How{MRUN_ISOLATION_PROCESS, 1, 0, 1}, How{MRUN_ISOLATION_PROCESS, 3, 0, 0},
                           How{MRUN_ISOLATION_PROCESS, 1, 1, 0}, How{MRUN_ISOLATION_PROCESS, 2, 1, 1});
  const mrun_options o = options_of(how);
  const Running running(folder, &o);
  Storm storm;
  storm.engine = running.engine;
  REQUIRE(mrun_ordered(running.engine, how.ordered) == MRUN_OK);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back([&storm, &over, seed] { storm.blow(seed, over); });
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  std::future<int> another = std::async(std::launch::async, [&] { return mrun_stop(running.engine); });
  const int code = mrun_stop(running.engine);
  storm.stopped = true;
  over = true;
  for (std::thread &t : threads) t.join();
  const int second = another.get();
  CHECK((code == MRUN_OK || second == MRUN_OK));
  CHECK(storm.strange == 0);
  CHECK(storm.taken > 0);
  CHECK(storm.answered == storm.taken);
  for (const auto &asked : storm.asked) CHECK(asked->answers <= 1);
}

TEST_CASE("when an engine is stopped all callbacks have returned, those of an item by itself too") {
  const Folder folder("text", {{"postprocess.lua", "return function(s) for i = 1, 9 do emit(i) end return s end"}});
  mrun_options o = options();
  o.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  const Running running(folder, &o);
  struct Host {
    std::atomic<bool> begun{false}, stopped{false};
    std::atomic<int> late{0};
  } host;
  mrun_item item;
  MRUN_INIT(item);
  item.emit_user = &host;
  item.emit = [](void *user, const mrun_value *) {
    Host &h = *static_cast<Host *>(user);
    h.begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (h.stopped) ++h.late;
  };
  std::thread runs([&] { run(running.engine, mrun_text("x"), &item); });
  while (!host.begun) std::this_thread::yield();
  CHECK(mrun_stop(running.engine) == MRUN_OK);
  host.stopped = true;
  runs.join();
  CHECK(host.late == 0);
}

TEST_CASE("nothing is emitted of an item behind its answer, where a stop answers it while its partial answers wait") {
  const Folder folder("text", {{"postprocess.lua", "return function(s) for i = 1, 9000 do emit(i) end return s end"}});
  mrun_options o = options();
  o.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  const Running running(folder, &o);
  struct Host {
    std::atomic<bool> go_on{false}, answered{false};
    std::atomic<int> told{0}, late{0};
  } host;
  mrun_item item;
  MRUN_INIT(item);
  item.emit_user = &host;
  item.emit = [](void *user, const mrun_value *) {
    Host &h = *static_cast<Host *>(user);
    ++h.told;
    while (!h.go_on) std::this_thread::yield();
    if (h.answered) ++h.late;
  };
  const mrun_value input = mrun_text("x");
  const auto done = [](void *user, mrun_result *) { static_cast<Host *>(user)->answered = true; };
  REQUIRE(mrun_submit(running.engine, &input, &item, -1, done, &host, nullptr) == MRUN_OK);
  while (host.told == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // as many wait as may
  std::thread goes_on([&host] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    host.go_on = true;
  });
  CHECK(mrun_stop(running.engine) == MRUN_OK);
  goes_on.join();
  CHECK(host.answered);
  CHECK(host.late == 0);
}

TEST_CASE("statistics are told in every kind of callback, and at once") {
  const Folder folder("text", {{"postprocess.lua", R"(return function(s)
      require("log").warn("hear")
      for i = 1, 9000 do emit(i) end
      return s
    end)"}});
  mrun_options o = options();
  o.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  o.processes = o.isolation == MRUN_ISOLATION_PROCESS ? 2 : 0;
  struct Host {
    std::atomic<mrun_engine *> engine{nullptr};
    std::atomic<int> asked{0}, logged{0}, told{0};
    void ask() {
      char *json = nullptr;
      if (mrun_statistics(engine, &json) == MRUN_OK) ++asked;
      mrun_free(json);
    }
  } host;
  o.log_user = &host;
  o.log = [](void *user, int, const char *, const char *) {
    ++static_cast<Host *>(user)->logged;
    static_cast<Host *>(user)->ask();
  };
  const Running running(folder, &o);
  host.engine = running.engine;
  mrun_item item;
  MRUN_INIT(item);
  item.emit_user = &host;
  item.emit = [](void *user, const mrun_value *) {
    if (++static_cast<Host *>(user)->told % 3000 == 1) static_cast<Host *>(user)->ask();
  };
  const auto begin = Clock::now();
  const mrun_value input = mrun_text("x");
  const auto done = [](void *user, mrun_result *) { static_cast<Host *>(user)->ask(); };
  for (int i = 0; i < 4; ++i) REQUIRE(mrun_submit(running.engine, &input, &item, -1, done, &host, nullptr) == MRUN_OK);
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(host.logged == 4);
  CHECK(host.told == 36000);
  CHECK(host.asked == 4 + 12 + 4);
  CHECK(seconds_since(begin) < 9);  // a worker's counts are waited for 10 s
}
