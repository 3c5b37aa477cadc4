// The rules of mrun.h, one by one, from outside.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <future>
#include <limits>
#include <utility>

#include "support.h"

using namespace host_test;

namespace {

const Folder::Files echo{{"preprocess.lua", "return function(x) return x end"}};
const double no_number = std::numeric_limits<double>::quiet_NaN();

std::atomic<bool> no_threads{false};

// In a child process, whose exit status is f's result; -1 where it does not end within ten seconds.
template <class F>
int in_child(F &&f) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    ::_exit(f());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int give(DLManagedTensor *dl) {
  mrun_value v{};
  const int code = mrun_tensor(dl, &v);
  if (code == MRUN_OK) mrun_value_free(&v);
  return code;
}

}  // namespace

// Before the system's: the library's threads are made by it.
extern "C" int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument) {
  static const auto next = reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  return no_threads ? EAGAIN : next(thread, how, run, argument);
}

TEST_CASE("1: an error is written on failure only, may be NULL, and is there again as the thread's last") {
  mrun_bundle *bundle = nullptr;
  mrun_error error{};
  CHECK(mrun_open("/nonexistent.mb", nullptr, &bundle, nullptr) == MRUN_BUNDLE);
  CHECK(last().find("/nonexistent.mb") != std::string::npos);
  CHECK(mrun_open("/nonexistent.mb", nullptr, &bundle, &error) == mrun_last_error()->code);
  CHECK(last() == error.message);
  std::thread([] { CHECK(mrun_last_error()->code == MRUN_OK); }).join();
  char hex[65];
  CHECK(mrun_sha256(nullptr, 5, hex) == MRUN_USAGE);
  CHECK(last().find("mrun_sha256") != std::string::npos);
  mrun_error_free(&error);
  CHECK(error.message == nullptr);
  const Folder folder("text", echo);
  CHECK(mrun_open(folder.path().c_str(), nullptr, &bundle, &error) == MRUN_OK);
  CHECK(error.code == MRUN_OK);
  mrun_close(bundle);
}

TEST_CASE("2: NULL is fine to free, and what is closed is told from what is open") {
  CHECK(mrun_close(nullptr) == MRUN_OK);
  CHECK(mrun_stop(nullptr) == MRUN_OK);
  mrun_value_free(nullptr);
  mrun_result_free(nullptr);
  mrun_error_free(nullptr);
  mrun_free(nullptr);

  const Folder folder("text", echo);
  mrun_bundle *bundle = nullptr;
  mrun_engine *engine = nullptr;
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  REQUIRE(mrun_start(bundle, nullptr, &engine, nullptr) == MRUN_OK);
  CHECK(mrun_close(bundle) == MRUN_OK);
  CHECK(run(engine, "the engine keeps the bundle").json == "\"the engine keeps the bundle\"");
  CHECK(mrun_close(bundle) == MRUN_USAGE);
  CHECK(last() == "this is no open bundle: it was closed already, or never was one");
  mrun_engine *none = nullptr;
  CHECK(mrun_start(bundle, nullptr, &none, nullptr) == MRUN_USAGE);
  CHECK(std::string(mrun_digest(bundle)).empty());
  CHECK(mrun_stop(engine) == MRUN_OK);
  CHECK(mrun_stop(engine) == MRUN_USAGE);
  CHECK(run(engine, "x").code == MRUN_USAGE);
  char *json = nullptr;
  CHECK(mrun_statistics(engine, &json) == MRUN_USAGE);
  CHECK(mrun_drain(engine) == MRUN_USAGE);
  CHECK(mrun_cancel(engine, 1) == MRUN_USAGE);
  CHECK(mrun_meta(engine, 1, &json, nullptr) == MRUN_USAGE);
  int something = 0;
  CHECK(mrun_stop(reinterpret_cast<mrun_engine *>(&something)) == MRUN_USAGE);
}

TEST_CASE("3: a callback may submit and cancel; what would wait for itself is refused, in every kind of callback") {
  struct Host {
    mrun_engine *engine = nullptr;
    std::atomic<int> refused{0}, answers{0}, full{0};
    static void done(void *user, mrun_result *) { ++static_cast<Host *>(user)->answers; }
    void try_all() {
      const mrun_value input = mrun_text("again");
      mrun_result r;
      refused += mrun_drain(engine) == MRUN_USAGE && mrun_stop(engine) == MRUN_USAGE &&
                 mrun_run(engine, &input, nullptr, &r) == MRUN_USAGE;
      mrun_result_free(&r);
      for (int i = 0; i < 4; ++i) full += mrun_submit(engine, &input, nullptr, -1, done, this, nullptr) == MRUN_TIMEOUT;
    }
  } host;
  const Folder folder("text", {{"postprocess.lua", R"(return function(s)
      if s == "first" then emit(1) require("log").warn("hear") end
      return s
    end)"}});
  mrun_options o = options();
  o.queue = 2;
  o.log_user = &host;
  o.log = [](void *user, int, const char *, const char *) { static_cast<Host *>(user)->try_all(); };
  const Running running(folder, &o);
  host.engine = running.engine;
  mrun_item item;
  MRUN_INIT(item);
  item.emit_user = &host;
  item.emit = [](void *user, const mrun_value *) { static_cast<Host *>(user)->try_all(); };
  const mrun_value first = mrun_text("first");
  const auto done = [](void *user, mrun_result *) { static_cast<Host *>(user)->try_all(); };
  REQUIRE(mrun_submit(running.engine, &first, &item, -1, done, &host, nullptr) == MRUN_OK);
  while (host.refused < 3) std::this_thread::yield();
  REQUIRE(mrun_drain(running.engine) == MRUN_OK);
  CHECK(host.refused == 3);  // emit, log, done
  CHECK(host.full > 0);      // never waited for
  CHECK(host.answers + host.full == 12);
  CHECK(run(running.engine, first, &item).code == MRUN_OK);  // in this thread, callbacks likewise
  CHECK(host.refused == 5);
}

TEST_CASE("3: a deleter is a callback, too") {
  struct Host {
    mrun_engine *engine;
    std::atomic<int> code{-1};
    std::atomic<bool> let_go{false};
  };
  const Folder folder("tensor", {{"postprocess.lua", "return function(x) emit(1) return 1 end"}});
  const Running running(folder);
  auto *host = new Host{running.engine, {-1}};
  DLManagedTensor *dl = own_tensor({1});
  static void (*const before)(DLManagedTensor *) = dl->deleter;
  static Host *const kept = host;
  dl->deleter = [](DLManagedTensor *t) {
    kept->code = mrun_drain(kept->engine);
    before(t);
  };
  mrun_value input{};
  REQUIRE(mrun_tensor(dl, &input) == MRUN_OK);
  mrun_item item;
  MRUN_INIT(
      item);  // the engine, not this thread, is to hold the tensor last: the item goes on when it has been let go of here
  item.emit = [](void *, const mrun_value *) {
    while (!kept->let_go) std::this_thread::yield();
  };
  const auto done = [](void *, mrun_result *) {};
  REQUIRE(mrun_submit(running.engine, &input, &item, -1, done, nullptr, nullptr) == MRUN_OK);
  mrun_value_free(&input);
  host->let_go = true;
  while (host->code < 0) std::this_thread::yield();
  CHECK(host->code == MRUN_USAGE);
}

TEST_CASE("3: what an item emitted and logged has been told when its run returns, however much, in any isolation") {
  const Folder folder("text", {{"postprocess.lua", R"(return function(s)
      for i = 1, 9000 do emit(s:rep(1000)) end
      for i = 1, 50 do require("log").warn(i) end
      return s
    end)"}});
  mrun_options o = options();
  o.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  static std::atomic<int> lines;
  lines = 0;
  o.log = [](void *, int, const char *, const char *) { ++lines; };
  const Running running(folder, &o);
  const auto ask = [&](const char *text) {
    int partial = 0;
    mrun_item item;
    MRUN_INIT(item);
    item.emit_user = &partial;
    item.emit = [](void *user, const mrun_value *) { ++*static_cast<int *>(user); };
    const Answer answer = run(running.engine, mrun_text(text), &item);
    return answer.code == MRUN_OK && partial == 9000;
  };
  CHECK(ask("tell of me"));
  CHECK(lines == 50);
  std::vector<std::future<bool>> others;  // one of them by itself, if any
  for (int i = 0; i < 3; ++i) others.push_back(std::async(std::launch::async, ask, "and of us"));
  for (auto &other : others) CHECK(other.get());
  CHECK(lines == 200);
}

TEST_CASE("3: what a callback throws ends there") {
  const Folder folder("text", {{"postprocess.lua", "return function(s) emit(1) return s end"}});
  mrun_options o = options();
  o.trace = [](void *, const char *) { throw 1; };
  const Running running(folder, &o);
  mrun_item item;
  MRUN_INIT(item);
  item.emit = [](void *, const mrun_value *) { throw 2; };
  CHECK(run(running.engine, mrun_text("x"), &item).code == MRUN_OK);
  const mrun_value input = mrun_text("y");
  const auto done = [](void *, mrun_result *) { throw 3; };
  CHECK(mrun_submit(running.engine, &input, &item, -1, done, nullptr, nullptr) == MRUN_OK);
  CHECK(mrun_drain(running.engine) == MRUN_OK);
}

TEST_CASE("3: after a fork an engine is its parent's: every call says so, and stopping it there ends") {
  const Folder folder("text", echo);
  const Running running(folder);
  const mrun_value input = mrun_text("x");
  const auto done = [](void *, mrun_result *) {};
  REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, nullptr) == MRUN_OK);
  mrun_drain(running.engine);
  const int code = in_child([&] {
    char *json = nullptr;
    mrun_engine *e = running.engine;
    const bool refused = mrun_drain(e) == MRUN_USAGE && run(e, "x").code == MRUN_USAGE &&
                         mrun_submit(e, &input, nullptr, -1, done, nullptr, nullptr) == MRUN_USAGE &&
                         mrun_cancel(e, 1) == MRUN_USAGE && mrun_end(e) == MRUN_USAGE &&
                         mrun_ordered(e, 1) == MRUN_USAGE && mrun_statistics(e, &json) == MRUN_USAGE &&
                         mrun_meta(e, 1, &json, nullptr) == MRUN_USAGE && last().find("forked") != std::string::npos;
    if (!refused) return 1;
    if (mrun_stop(e) != MRUN_OK || mrun_stop(e) != MRUN_USAGE) return 2;
    mrun_engine *own = nullptr;
    if (mrun_start(running.bundle, nullptr, &own, nullptr) != MRUN_OK) return 3;
    return run(own, "mine").json == "\"mine\"" && mrun_stop(own) == MRUN_OK ? 0 : 4;
  });
  CHECK(code == 0);
  CHECK(run(running.engine, "and goes on here").code == MRUN_OK);
}

#ifndef __SANITIZE_THREAD__  // it lets no thread start in the copy of a process that had some
TEST_CASE(
    "3: after a fork, an engine of the parent's with a worker process is stopped, also behind one of the child's own") {
  const Folder folder("text", echo);
  mrun_options how = options();
  for (const int isolation : {MRUN_ISOLATION_PROCESS, MRUN_ISOLATION_NONE}) {
    how.isolation = isolation;
    const Running running(folder, &how);
    REQUIRE(run(running.engine, "x").code == MRUN_OK);
    const int code = in_child([&] {
      mrun_engine *own = nullptr;
      if (mrun_start(running.bundle, &how, &own, nullptr) != MRUN_OK) return 1;
      if (run(own, "mine").json != "\"mine\"" || mrun_stop(own) != MRUN_OK) return 2;
      if (mrun_stop(running.engine) != MRUN_OK) return 3;
      return mrun_stop(running.engine) == MRUN_USAGE ? 0 : 4;
    });
    CHECK(code == 0);
    CHECK(run(running.engine, "and goes on here").code == MRUN_OK);
  }
}
#endif

TEST_CASE("4: what a host prints that has closed its standard descriptors reaches nothing of the library's") {
  const Folder folder("text", {{"preprocess.lua", "return function(x) require('log').warn(x) return x end"}});
  mrun_options how = options();
  how.isolation = MRUN_ISOLATION_PROCESS;
  for (const int kept : {0, 1, 2, 3}) {  // so many other descriptors come before
    const int code = in_child([&] {
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
      for (int i = 0; i < kept; ++i) {
        if (::open("/dev/null", O_RDONLY) < 0) return 1;
      }
      mrun_bundle *bundle = nullptr;
      mrun_engine *engine = nullptr;
      if (mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) != MRUN_OK) return 2;
      if (mrun_start(bundle, &how, &engine, nullptr) != MRUN_OK) return 3;
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::write(fd, "a line of the host's\n", 21) >= 0) return 4;
      }
      return run(engine, "mine").json == "\"mine\"" && mrun_stop(engine) == MRUN_OK ? 0 : 5;
    });
    CHECK(code == 0);
  }
}

TEST_CASE("5: a struct whose size is wrong is refused, and so is a member of a newer version") {
  const Folder folder("text", echo);
  mrun_bundle *bundle = nullptr;
  mrun_open_options open{};
  CHECK(mrun_open(folder.path().c_str(), &open, &bundle, nullptr) == MRUN_USAGE);
  CHECK(last() == "mrun_open_options: size is 0: want sizeof(mrun_open_options), which is " +
                      std::to_string(sizeof open) + " (MRUN_INIT sets it)");
  open.size = sizeof(&open);
  CHECK(mrun_open(folder.path().c_str(), &open, &bundle, nullptr) == MRUN_USAGE);
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  mrun_engine *engine = nullptr;
  mrun_options none{};
  CHECK(mrun_start(bundle, &none, &engine, nullptr) == MRUN_USAGE);
  struct {
    mrun_options known;
    int64_t newer;
  } future{};
  future.known.size = sizeof future;
  REQUIRE(mrun_start(bundle, &future.known, &engine, nullptr) == MRUN_OK);
  mrun_stop(engine);
  future.newer = 1;
  CHECK(mrun_start(bundle, &future.known, &engine, nullptr) == MRUN_USAGE);
  CHECK(last().find("a member is set that mrun") != std::string::npos);
  REQUIRE(mrun_start(bundle, nullptr, &engine, nullptr) == MRUN_OK);
  const mrun_item item{};
  const mrun_value input = mrun_text("x");
  mrun_result r;
  CHECK(mrun_run(engine, &input, &item, &r) == MRUN_USAGE);
  mrun_result_free(&r);
  const auto done = [](void *, mrun_result *) {};
  CHECK(mrun_submit(engine, &input, &item, -1, done, nullptr, nullptr) == MRUN_USAGE);
  mrun_stop(engine);
  mrun_close(bundle);
}

TEST_CASE("times that are none, and options out of range, are refused") {
  const Folder folder("text", echo);
  const Running running(folder);
  const auto item = [&](auto member, double value) {
    mrun_item i;
    MRUN_INIT(i);
    i.*member = value;
    return run(running.engine, mrun_text("x"), &i).code;
  };
  for (const double wrong : {no_number, -1.0, -std::numeric_limits<double>::infinity()}) {
    CHECK(item(&mrun_item::timeout, wrong) == MRUN_USAGE);
    CHECK(item(&mrun_item::deadline, wrong) == MRUN_USAGE);
  }
  CHECK(item(&mrun_item::timeout, 1e300) == MRUN_OK);
  CHECK(item(&mrun_item::deadline, std::numeric_limits<double>::infinity()) == MRUN_OK);
  const mrun_value input = mrun_text("x");
  const auto done = [](void *, mrun_result *) {};
  CHECK(mrun_submit(running.engine, &input, nullptr, no_number, done, nullptr, nullptr) == MRUN_USAGE);
  CHECK(mrun_submit(running.engine, &input, nullptr, 0, nullptr, nullptr, nullptr) == MRUN_USAGE);

  const auto start = [&](auto member, auto value) {
    mrun_options o = options();
    o.*member = value;
    mrun_engine *engine = nullptr;
    const int code = mrun_start(running.bundle, &o, &engine, nullptr);
    mrun_stop(engine);
    return code;
  };
  for (const double wrong : {no_number, -1.0, 1e9}) CHECK(start(&mrun_options::max_delay, wrong) == MRUN_USAGE);
  CHECK(start(&mrun_options::timeout, no_number) == MRUN_USAGE);
  CHECK(start(&mrun_options::timeout, 1e300) == MRUN_OK);
  for (const int32_t wrong : {-1, 1 << 30}) {
    CHECK(start(&mrun_options::workers, wrong) == MRUN_USAGE);
    CHECK(start(&mrun_options::threads, wrong) == MRUN_USAGE);
  }
  CHECK(start(&mrun_options::isolation, 7) == MRUN_USAGE);
  CHECK(start(&mrun_options::device, "gpu") == MRUN_USAGE);
}

TEST_CASE("where no thread can be made, starting or submitting says so, and works once one can") {
  const Folder folder("text", echo);
  mrun_bundle *bundle = nullptr;
  REQUIRE(mrun_open(folder.path().c_str(), nullptr, &bundle, nullptr) == MRUN_OK);
  mrun_value input{};
  REQUIRE(mrun_input(bundle, nullptr, "a", &input, nullptr) == MRUN_OK);
  for (const int32_t isolation : {MRUN_ISOLATION_NONE, MRUN_ISOLATION_PROCESS}) {
    mrun_options how = options();
    how.isolation = isolation;
    mrun_engine *engine = nullptr;
    no_threads = true;
    int code = mrun_start(bundle, &how, &engine, nullptr);
    if (code == MRUN_OK)
      code = mrun_submit(
          engine, &input, nullptr, -1, [](void *, mrun_result *) {}, nullptr, nullptr);
    no_threads = false;
    CHECK(code == MRUN_MEMORY);
    CHECK(last().find("no thread could be started for") == 0);
    if (engine == nullptr) REQUIRE(mrun_start(bundle, &how, &engine, nullptr) == MRUN_OK);
    CHECK(run(engine, "a").json == "\"a\"");
    CHECK(mrun_stop(engine) == MRUN_OK);
  }
  mrun_value_free(&input);
  mrun_close(bundle);
}

TEST_CASE("order is chosen before the first submit, plugins are loaded before the first engine") {
  const Folder folder("text", echo);
  const Running running(folder);
  const mrun_value input = mrun_text("x");
  const auto done = [](void *, mrun_result *) {};
  CHECK(mrun_ordered(running.engine, 1) == MRUN_OK);
  REQUIRE(mrun_submit(running.engine, &input, nullptr, -1, done, nullptr, nullptr) == MRUN_OK);
  CHECK(mrun_ordered(running.engine, 0) == MRUN_USAGE);
  mrun_error error{};
  CHECK(mrun_load_plugin("/nonexistent.so", &error) == MRUN_USAGE);
  CHECK(std::string(error.message).find("before the first engine starts") != std::string::npos);
  mrun_error_free(&error);
  CHECK(mrun_plugin_folders(nullptr, 0) == MRUN_USAGE);
}

TEST_CASE("a tensor's numbers are checked, and it is taken over in every case") {
  gone = 0;
  int given = 0;
  const auto refused = [&](const char *part, auto &&spoil, std::vector<int64_t> shape = {2, 3},
                           DLDataType type = {kDLFloat, 32, 1}) {
    DLManagedTensor *dl = own_tensor(std::move(shape), type);
    spoil(dl->dl_tensor);
    CHECK(give(dl) == MRUN_USAGE);
    CHECK_THAT(last(), Catch::Matchers::ContainsSubstring(part));
    CHECK(gone == ++given);
  };
  const auto nothing = [](DLTensor &) {};
  refused("no memory", [](DLTensor &t) { t.data = nullptr; });
  refused("shape is NULL", [](DLTensor &t) { t.shape = nullptr; });
  refused("negative", [](DLTensor &t) { t.ndim = -1; });
  refused("dimensions", [](DLTensor &t) { t.ndim = 1000000; });
  refused("negative", nothing, {2, -1});
  refused("negative", nothing, {INT64_MIN, 0});
  refused("overflow", [](DLTensor &t) { t.shape[0] = INT64_MAX / 2; });
  refused("overflow", [](DLTensor &t) { t.shape[0] = t.shape[1] = int64_t{1} << 40; });
  static int64_t strides[] = {INT64_MAX / 8, 1}, back[] = {INT64_MIN / 4, 1};
  refused("overflow", [](DLTensor &t) { t.strides = strides; }, {9, 3});
  refused("overflow", [](DLTensor &t) { t.strides = back; }, {9, 3});
  refused("overflow", [](DLTensor &t) { t.byte_offset = UINT64_MAX; });
  refused("multiple of 4", [](DLTensor &t) { t.byte_offset = 1; });
  refused("lanes", nothing, {1}, {kDLFloat, 32, 4});
  refused("dtype", nothing, {1}, {kDLFloat, 24, 1});
  refused("dtype", nothing, {1}, {99, 32, 1});
  refused("dtype", nothing, {1}, {kDLOpaqueHandle, 64, 1});
  refused("device", [](DLTensor &t) { t.device.device_type = kDLVulkan; });
  refused("device", [](DLTensor &t) { t.device.device_id = -1; });
  CHECK(mrun_tensor(own_tensor({1}), nullptr) == MRUN_USAGE);
  CHECK(gone == ++given);
  mrun_value v{};
  CHECK(mrun_tensor(nullptr, &v) == MRUN_USAGE);

  // What is odd, but sound.
  CHECK(give(own_tensor({})) == MRUN_OK);
  DLManagedTensor *empty = own_tensor({0, 5});
  empty->dl_tensor.data = nullptr;
  CHECK(give(empty) == MRUN_OK);
  static int64_t same[] = {0, 0};
  DLManagedTensor *spread = own_tensor({1000, 1000});
  spread->dl_tensor.strides = same;
  CHECK(give(spread) == MRUN_OK);
  DLManagedTensor *kept = own_tensor({1});
  const auto let_go = std::exchange(kept->deleter, nullptr);  // DLPack: nothing to be done
  CHECK(give(kept) == MRUN_OK);
  let_go(kept);
  CHECK(give(own_tensor({2}, {6, 8, 1})) == MRUN_OK);  // bool
  CHECK(gone == given + 5);
}

TEST_CASE("values that a host makes itself are checked") {
  const Folder folder("json", echo);
  const Running running(folder);
  const auto code = [&](const mrun_value &v) { return run(running.engine, v).code; };
  mrun_value v{};
  for (const uint32_t kind : {9u, 10u, 4711u}) {
    v.kind = kind;
    CHECK(code(v) == MRUN_USAGE);
  }
  v = mrun_text(nullptr);
  CHECK(code(v) == MRUN_OK);  // the empty text
  v.as.string.size = 3;
  CHECK(code(v) == MRUN_USAGE);
  v = {};
  v.kind = MRUN_TENSOR;
  CHECK(code(v) == MRUN_USAGE);
  v = {};
  v.kind = MRUN_OBJECT;
  CHECK(code(v) == MRUN_USAGE);
  v = {};
  v.kind = MRUN_LIST;
  v.as.list.size = 2;
  CHECK(code(v) == MRUN_USAGE);
  v.as.list = {&v, 1};  // contains itself
  CHECK(code(v) == MRUN_USAGE);
  v = {};
  v.kind = MRUN_MAP;
  v.as.map.size = 2;
  CHECK(code(v) == MRUN_USAGE);
  mrun_entry entry{{"\xff", 1}, {}};
  v.as.map = {&entry, 1};
  CHECK(code(v) == MRUN_USAGE);
  CHECK(mrun_run(running.engine, nullptr, nullptr, nullptr) == MRUN_USAGE);
  char *json = nullptr;
  CHECK(mrun_to_json(nullptr, 0, &json, nullptr) == MRUN_USAGE);
  const mrun_value none = mrun_bytes(nullptr, 7);
  CHECK(none.kind == MRUN_NIL);
}

TEST_CASE("a value nests in others 1000 times at most") {
  mrun_value v{};
  int code = MRUN_OK, levels = 0;
  for (; code == MRUN_OK && levels < 100000; ++levels) {
    mrun_entry entry{{"a", 1}, std::exchange(v, {})};
    code = levels % 2 == 0 ? mrun_map(&entry, 1, &v) : mrun_list(&entry.value, 1, &v);
  }
  CHECK(code == MRUN_USAGE);
  CHECK(levels < 1100);
  CHECK_THAT(mrun_last_error()->message, Catch::Matchers::ContainsSubstring("1000"));
}

TEST_CASE("a text that is not UTF-8 is the item's fault, here and in a worker process") {
  const Folder folder("json", echo), texts("text", echo);
  mrun_options how = options();
  mrun_value text{};
  text.kind = MRUN_STRING;
  text.as.string = {"a\xff", 2};
  mrun_value list{};
  list.kind = MRUN_LIST;
  list.as.list = {&text, 1};
  for (const int isolation : {MRUN_ISOLATION_PROCESS, MRUN_ISOLATION_NONE}) {
    how.isolation = isolation;
    const Running json(folder, &how), one(texts, &how);
    for (const Answer &answer : {run(json.engine, list), run(one.engine, text)}) {
      CHECK(answer.code == MRUN_INPUT);
      CHECK(answer.stage == "input");
      CHECK(answer.message.find("not valid UTF-8") != std::string::npos);
    }
  }
}

TEST_CASE("a list and a map move their items in, also where they fail") {
  gone = 0;
  mrun_value items[2] = {frame(), {}};
  items[1].kind = 99;
  mrun_value out{};
  CHECK(mrun_list(items, 2, &out) == MRUN_USAGE);
  CHECK(gone == 1);
  CHECK(items[0].kind == MRUN_NIL);
  mrun_entry entry{{nullptr, 4}, frame()};
  CHECK(mrun_map(&entry, 1, &out) == MRUN_USAGE);
  CHECK(gone == 2);
  items[0] = frame();
  CHECK(mrun_list(items, 1, nullptr) == MRUN_USAGE);
  CHECK(gone == 3);
  for (const uint32_t kind : {MRUN_STRING, MRUN_TENSOR, MRUN_LIST, MRUN_MAP, MRUN_OBJECT, MRUN_FUNCTION}) {
    items[0] = items[1] = entry.value = {};  // of a kind that there is, without what it should hold
    items[0].kind = items[1].kind = entry.value.kind = kind;
    items[0].as.string.size = items[1].as.string.size = entry.value.as.string.size = 3;
    if (kind == MRUN_OBJECT || kind == MRUN_TENSOR) items[0].as = items[1].as = entry.value.as = {};
    CHECK(mrun_list(items, 2, &out) == MRUN_USAGE);
    CHECK(items[1].kind == MRUN_NIL);
    CHECK(mrun_map(&entry, 1, &out) == MRUN_USAGE);
  }
  entry.value.kind = MRUN_MAP;
  entry.value.as.map = {nullptr, 3};
  CHECK(mrun_get(&entry.value, "a") == nullptr);
}

TEST_CASE("JSON is indented by so much as people can read") {
  mrun_value list{};
  REQUIRE(mrun_from_json("[[1]]", 5, &list, nullptr) == MRUN_OK);
  char *json = nullptr;
  for (const int wrong : {INT32_MIN, -1, 101, INT32_MAX})
    CHECK(mrun_to_json(&list, wrong, &json, nullptr) == MRUN_USAGE);
  REQUIRE(mrun_to_json(&list, 100, &json, nullptr) == MRUN_OK);
  CHECK(std::strlen(json) > 100);
  mrun_free(json);
  mrun_value_free(&list);
}
