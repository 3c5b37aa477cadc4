// An engine of several worker processes, from a host: what mrun.h promises of one holds of it.
#include <algorithm>
#include <csignal>
#include <mutex>
#include <set>

#include "support.h"

using namespace host_test;

namespace {

const Folder::Files slow{{"postprocess.lua", R"(
return function(x)
  if x == "endless" then while true do end end
  local n = 0
  for i = 1, 2e5 do n = n + i end
  emit(x)
  return x
end)"}};

mrun_options processes(int32_t count) {
  mrun_options o = options(2);
  o.isolation = MRUN_ISOLATION_PROCESS;
  o.processes = count;
  return o;
}

// What came of submitted items, in the order in which it came.
struct Came {
  std::mutex mutex;
  std::vector<int> codes;
  std::vector<std::string> answers, partials;
  mrun_engine *engine = nullptr;
  int refused = 0;
  static void done(void *user, mrun_result *r) {
    Came &came = *static_cast<Came *>(user);
    const int code = came.engine == nullptr ? MRUN_USAGE : mrun_drain(came.engine);
    const std::lock_guard lock(came.mutex);
    came.refused += code == MRUN_USAGE ? 1 : 0;
    came.codes.push_back(r->code);
    came.answers.emplace_back(r->json == nullptr ? "" : r->json);
  }
  static void partial(void *user, const mrun_value *v) {
    Came &came = *static_cast<Came *>(user);
    const std::lock_guard lock(came.mutex);
    came.partials.emplace_back(v->as.string.data, v->as.string.size);
  }
};

uint64_t submit(mrun_engine *engine, const std::string &text, Came &came, double wait = -1, int *code = nullptr) {
  mrun_item item;
  MRUN_INIT(item);
  item.json = 1;
  item.emit = Came::partial;
  item.emit_user = &came;
  const mrun_value input = mrun_text(text.c_str());
  uint64_t id = 0;
  const int got = mrun_submit(engine, &input, &item, wait, Came::done, &came, &id);
  if (code != nullptr) *code = got;
  return id;
}

std::string statistics(mrun_engine *engine) {
  char *json = nullptr;
  REQUIRE(mrun_statistics(engine, &json) == MRUN_OK);
  const std::string text = json;
  mrun_free(json);
  return text;
}

std::vector<int> workers() {
  std::vector<int> all;
  for (const fs::directory_entry &task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "children");
    for (int child = 0; in >> child;) all.push_back(child);
  }
  return all;
}

}  // namespace

TEST_CASE("several worker processes answer in order, tell what is emitted, and count together") {
  const Folder folder("text", slow);
  mrun_options o = processes(3);
  o.offline = GENERATE(0, 1);
  const Running running(folder, &o);
  CHECK(workers().size() == 3);
  REQUIRE(mrun_ordered(running.engine, 1) == MRUN_OK);
  Came came;
  came.engine = running.engine;
  std::vector<std::string> wanted;
  std::set<uint64_t> ids;
  for (int i = 0; i < 200; ++i) {
    wanted.push_back("\"" + std::to_string(i) + "\"");
    ids.insert(submit(running.engine, std::to_string(i), came));
  }
  CHECK(mrun_ordered(running.engine, 0) == MRUN_USAGE);
  CHECK(mrun_drain(running.engine) == MRUN_OK);
  CHECK(ids.size() == 200);
  CHECK(came.answers == wanted);
  CHECK(came.partials.size() == 200);
  CHECK(came.refused == 200);
  CHECK(run(running.engine, "one").json == "\"one\"");
  const std::string counts = statistics(running.engine);
  CHECK_THAT(counts, Catch::Matchers::ContainsSubstring("\"failed\":0"));
  CHECK_THAT(counts, Catch::Matchers::ContainsSubstring("\"items\":201"));
  CHECK_THAT(counts, Catch::Matchers::ContainsSubstring("\"held\":0,\"running\":0,\"waiting\":0"));
}

TEST_CASE("with several worker processes the queue has so many places, and an item that is cancelled frees its own") {
  const Folder folder("text", slow);
  mrun_options o = processes(2);
  o.queue = 4;
  const Running running(folder, &o);
  Came came;
  std::vector<uint64_t> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(submit(running.engine, "endless", came));
  int code = MRUN_OK;
  submit(running.engine, "more", came, 0.05, &code);
  CHECK(code == MRUN_TIMEOUT);
  for (const uint64_t id : ids) CHECK(mrun_cancel(running.engine, id) == MRUN_OK);
  submit(running.engine, "more", came, 30, &code);
  CHECK(code == MRUN_OK);
  CHECK(mrun_drain(running.engine) == MRUN_OK);
  CHECK(std::count(came.codes.begin(), came.codes.end(), MRUN_CANCELLED) == 4);  // in whatever order they come
  CHECK(std::count(came.codes.begin(), came.codes.end(), MRUN_OK) == 1);
  CHECK(mrun_cancel(running.engine, ids[0]) == MRUN_MISSING);
}

TEST_CASE("a worker process that is killed is replaced while the others answer") {
  const Folder folder("text", slow);
  const mrun_options o = processes(3);
  const Running running(folder, &o);
  Came came;
  for (int i = 0; i < 600; ++i) {
    submit(running.engine, std::to_string(i), came);
    if (i % 200 == 100) ::kill(workers().front(), SIGKILL);
  }
  CHECK(mrun_drain(running.engine) == MRUN_OK);
  CHECK(came.codes.size() == 600);
  const auto crashed = static_cast<size_t>(std::count(came.codes.begin(), came.codes.end(), MRUN_CRASH));
  CHECK(crashed + static_cast<size_t>(std::count(came.codes.begin(), came.codes.end(), MRUN_OK)) == 600);
  CHECK(crashed <= 3);
  for (int i = 0; i < 5; ++i) CHECK(run(running.engine, "again").code == MRUN_OK);
  CHECK(workers().size() == 3);
}

TEST_CASE("stopping several worker processes answers all items and leaves none of them") {
  const Folder folder("text", slow);
  Came came;
  {
    const mrun_options o = processes(3);
    const Running running(folder, &o);
    for (int i = 0; i < 50; ++i) submit(running.engine, "endless", came);
    CHECK(mrun_stop(running.engine) == MRUN_OK);
  }
  CHECK(came.codes == std::vector<int>(50, MRUN_CANCELLED));
  CHECK(workers().empty());
}

TEST_CASE("offline, items reach a worker process as soon as somebody waits for them") {
  const Folder folder("text", {{"postprocess.lua", "return function(x) return x end"}});
  mrun_options o = processes(GENERATE(1, 2));
  o.offline = 1;
  o.queue = GENERATE(1, 5, 20, 0);
  INFO(o.processes << " processes, a queue of " << o.queue);
  Came came;
  const Running running(folder, &o);
  const auto count = [&came] {
    const std::lock_guard lock(came.mutex);
    return came.codes.size();
  };
  SECTION("for a place") {
    constexpr size_t each = 60;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (size_t i = 0; i < each; ++i) submit(running.engine, std::to_string(i), came);
      });
    }
    for (std::thread &t : threads) t.join();
    CHECK(mrun_drain(running.engine) == MRUN_OK);
    CHECK(came.codes == std::vector<int>(3 * each, MRUN_OK));
  }
  SECTION("at the list's end") {
    submit(running.engine, "one", came);
    CHECK(mrun_end(running.engine) == MRUN_OK);
    while (count() < 1) std::this_thread::yield();
    CHECK(came.codes == std::vector<int>(1, MRUN_OK));
  }
  SECTION("for a run behind them") {
    submit(running.engine, "one", came);
    CHECK(run(running.engine, "two").json == "\"two\"");
    CHECK(came.answers == std::vector<std::string>(1, "\"one\""));
  }
  SECTION("at a moment of their own") {
    mrun_item item;
    MRUN_INIT(item);
    item.deadline = 0.05;
    const mrun_value input = mrun_text("one");
    CHECK(mrun_submit(running.engine, &input, &item, -1, Came::done, &came, nullptr) == MRUN_OK);
    while (count() < 1) std::this_thread::yield();
    CHECK((came.codes[0] == MRUN_OK || came.codes[0] == MRUN_TIMEOUT));
  }
  SECTION("to be cancelled") {
    const uint64_t id = submit(running.engine, "one", came);
    const int code = mrun_cancel(running.engine, id);
    CHECK((code == MRUN_OK || code == MRUN_MISSING));
    while (count() < 1) std::this_thread::yield();
    CHECK((came.codes[0] == MRUN_OK || came.codes[0] == MRUN_CANCELLED));
  }
  SECTION("and by the next one, where theirs ends") {
    submit(running.engine, "one", came);
    for (const int worker : workers()) ::kill(worker, SIGKILL);
    while (count() < 1) std::this_thread::yield();  // though nothing more is submitted
    CHECK((came.codes[0] == MRUN_OK || came.codes[0] == MRUN_CRASH));
  }
}

TEST_CASE("several processes are wanted of worker processes alone, and so many at most") {
  const Folder folder("text", slow);
  mrun_bundle *bundle = nullptr;
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  mrun_engine *engine = nullptr;
  for (const auto &[isolation, count] : {std::pair{MRUN_ISOLATION_NONE, 2},
                                         {MRUN_ISOLATION_DEFAULT, 2},
                                         {MRUN_ISOLATION_PROCESS, -1},
                                         {MRUN_ISOLATION_PROCESS, 257}}) {
    mrun_options o = processes(count);
    o.isolation = isolation;
    CHECK(mrun_start(bundle, &o, &engine, nullptr) == MRUN_USAGE);
    CHECK_THAT(last(), Catch::Matchers::ContainsSubstring("processes"));
  }
  mrun_close(bundle);
}
