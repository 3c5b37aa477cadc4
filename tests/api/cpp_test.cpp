// mrun.hpp, and DLPack in and out without a copy.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <mrun/mrun.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <complex>
#include <cstddef>
#include <set>
#include <thread>

#include "support.h"

using namespace host_test;

namespace {

const Folder::Files echo{{"preprocess.lua", "return function(x) return x end"}};

std::string read_all(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// DLPack 1.x's struct, as its specification lays it out.
struct Versioned {
  uint32_t major, minor;
  void *manager_ctx;
  void (*deleter)(Versioned *);
  uint64_t flags;
  DLTensor dl_tensor;
};

Versioned *versioned(uint32_t major, uint64_t flags, float *memory) {
  static int64_t shape[] = {2};
  auto *v = new Versioned{major, 0, nullptr, [](Versioned *self) { delete self, ++gone; }, flags, {}};
  v->dl_tensor = {memory, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, nullptr, 0};
  return v;
}

std::set<int> children() {
  std::set<int> all;
  for (const fs::directory_entry &task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "children");
    for (int child = 0; in >> child;) all.insert(child);
  }
  return all;
}

int give(Versioned *v, mrun_value *out) {
  return mrun_tensor_versioned(reinterpret_cast<DLManagedTensorVersioned *>(v), out);
}

template <class T, class = void>
struct HasDtype : std::false_type {};
template <class T>
struct HasDtype<T, std::void_t<decltype(mrun::dtype<T>)>> : std::true_type {};
static_assert(HasDtype<float>::value && HasDtype<bool>::value && HasDtype<uint64_t>::value);
// What would be told to be integers of as many bits.
static_assert(!HasDtype<std::complex<float>>::value && !HasDtype<std::byte>::value && !HasDtype<long double>::value);

}  // namespace

TEST_CASE("run, submit with a callback, and with a future") {
  const Folder folder("text",
                      {{"postprocess.lua", "return function(s) if s == 'bad' then error('no') end return s end"}});
  mrun::options options;
  options.workers = 2;
  const mrun::engine engine{mrun::bundle{folder.path().c_str()}, &options};
  const mrun::result one = engine.run(mrun::text("one"));
  REQUIRE(one);
  CHECK(std::string(one.json()) == "\"one\"");
  CHECK(std::string(one.stage() == nullptr ? "" : one.stage()).empty());

  std::set<std::string> answers;
  std::mutex mutex;
  std::set<uint64_t> ids;
  for (int i = 0; i < 20; ++i) {
    const std::string text = std::to_string(i);
    ids.insert(engine.submit(mrun::text(std::string_view(text)), [&](mrun::result r) {
      const std::lock_guard lock(mutex);
      answers.insert(r.json());
    }));
  }
  engine.drain();
  CHECK(answers.size() == 20);
  CHECK(ids.size() == 20);

  std::vector<std::future<mrun::result>> later;
  for (const char *text : {"a", "bad", "c"}) later.push_back(engine.submit(mrun::text(text)));
  std::vector<mrun::result> kept;
  for (auto &f : later) kept.push_back(f.get());
  CHECK(kept[0].json() == std::string("\"a\""));
  CHECK_FALSE(kept[1]);
  CHECK(kept[1].code() == MRUN_SCRIPT);
  CHECK_THAT(kept[1].json(), Catch::Matchers::ContainsSubstring("{\"error\":{\"code\":\"SCRIPT\""));
  CHECK(kept[2].time().postprocess > 0);
  CHECK_FALSE(engine.cancel(4711));
  CHECK_THAT(engine.statistics(), Catch::Matchers::ContainsSubstring("\"items\""));
}

TEST_CASE("an engine that ends in a callback of its own is stopped after it, and every item is answered") {
  const Folder folder("text", echo);
  for (const int32_t isolation : {MRUN_ISOLATION_NONE, MRUN_ISOLATION_PROCESS}) {
    mrun::options options;
    options.isolation = isolation;
    auto engine = std::make_unique<mrun::engine>(mrun::bundle{folder.path().c_str()}, &options);
    mrun_engine *const raw = engine->raw();
    std::promise<void> all_in;
    std::shared_future<void> begin(all_in.get_future());
    std::atomic<int> answers{0};
    constexpr int items = 50;
    for (int i = 0; i < items; ++i) {
      engine->submit(mrun::text("a"), [&, begin](const mrun::result &) {
        begin.wait();
        if (++answers == 1) engine.reset();
      });
    }
    all_in.set_value();
    while (answers < items) std::this_thread::yield();
    while (mrun_cancel(raw, 0) == MRUN_MISSING) std::this_thread::yield();
    CHECK_THAT(mrun_last_error()->message,
               Catch::Matchers::StartsWith("this is no open engine: it was stopped already"));
  }
}

TEST_CASE("the line of a failed item is the command's, whoever asks for it") {
  const Folder folder("text", {{"preprocess.lua", "return function(s) error('no \"good\" luck') end"}});
  const mrun::engine engine{mrun::bundle{folder.path().c_str()}};
  mrun::item asked;
  asked.json = 1;
  CHECK(std::string(engine.run(mrun::text("x")).json()) == engine.run(mrun::text("x"), asked).json());
}

TEST_CASE("a result outlives its engine, and an answer may be larger than JSON takes") {
  const Folder folder("tensor", echo);
  std::vector<float> numbers(20000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  bool released = false;
  mrun::result kept;
  {
    const mrun::engine engine{mrun::bundle{folder.path().c_str()}};
    kept = engine.run(mrun::make_tensor(numbers.data(), mrun::dtype<float>, {100, 200}, [&] { released = true; }));
  }
  REQUIRE(kept);
  const mrun::tensor_view view(kept.answer());
  CHECK(view.shape() == std::vector<int64_t>{100, 200});
  CHECK(view.data<float>() == numbers.data());  // no copy on the way
  CHECK_THROWS_AS(view.data<double>(), mrun::failure);
  CHECK_THROWS_WITH(kept.json(), Catch::Matchers::ContainsSubstring("10000"));
  CHECK_FALSE(released);
  {
    const mrun::dlpack exported = mrun::export_tensor(kept.answer());
    CHECK(exported->dl_tensor.data == numbers.data());
    kept = mrun::result();
    CHECK_FALSE(released);  // the export has it
  }
  CHECK(released);
}

TEST_CASE("a bundle is opened from memory and from a descriptor") {
  const Folder folder("text", echo);
  const std::string file = folder.path() + ".mb";
  REQUIRE(mrun_pack(folder.path().c_str(), file.c_str(), nullptr, nullptr, nullptr) == MRUN_OK);
  const std::string bytes = read_all(file);
  int released = 0;
  {
    const auto bundle = mrun::bundle::from_memory(bytes.data(), bytes.size(), [&] { ++released; });
    mrun::options options;
    options.isolation = MRUN_ISOLATION_NONE;  // the worker process has tests of its own
    const mrun::engine engine{bundle, &options};
    CHECK(engine.run(bundle.input("hello", 5)).json() == std::string("\"hello\""));
  }
  CHECK(released == 1);
  CHECK_THROWS_AS(mrun::bundle::from_memory("nonsense", 8, [&] { ++released; }), mrun::failure);
  CHECK_THROWS_AS(mrun::bundle::from_memory(nullptr, 8, [&] { ++released; }), mrun::failure);
  CHECK_THROWS_AS(mrun::bundle::from_memory("nonsense", SIZE_MAX, [&] { ++released; }), mrun::failure);
  CHECK(released == 4);
  const int fd = ::open(file.c_str(), O_RDONLY);
  const auto bundle = mrun::bundle::from_descriptor(fd);
  CHECK(::close(fd) == 0);  // it was not taken
  CHECK(bundle.digest() == mrun::bundle{file.c_str()}.digest());
  CHECK_THROWS_AS(mrun::bundle::from_descriptor(-1), mrun::failure);
  fs::remove(file);
}

TEST_CASE("an engine tells the file of its bundle, wherever the process has gone, and none of what was no file") {
  const Folder folder("text", echo);
  const std::string file = folder.path() + ".mb";
  REQUIRE(mrun_pack(folder.path().c_str(), file.c_str(), nullptr, nullptr, nullptr) == MRUN_OK);
  const std::string bytes = read_all(file);
  mrun::options options;
  options.isolation = MRUN_ISOLATION_NONE;
  const auto meta_of = [&](const mrun::bundle &bundle) {
    const mrun::engine engine{bundle, &options};
    return mrun::host_detail::string_of([&](char **s, mrun_error *e) { return mrun_meta(engine.raw(), 0, s, e); });
  };
  const fs::path here = fs::current_path();
  fs::current_path(folder.path());
  const mrun::bundle packed{fs::path(file).filename().c_str()}, open{"."};
  fs::current_path("/");
  CHECK(meta_of(packed).find("\"path\":\"" + file + "\"") != std::string::npos);
  CHECK(meta_of(open).find("\"path\":\"" + folder.path() + "\"") != std::string::npos);
  fs::current_path(here);
  const auto held = mrun::bundle::from_memory(bytes.data(), bytes.size(), [] {});
  CHECK(meta_of(held).find("\"path\":null") != std::string::npos);
  fs::remove(file);
}

TEST_CASE("values in C++") {
  std::vector<mrun::variant> items;
  items.push_back(mrun::text("a"));
  items.push_back(mrun::from_json("[1, 2.5]"));
  std::vector<std::pair<std::string, mrun::variant>> entries;
  entries.emplace_back("list", mrun::list(std::move(items)));
  const mrun::variant map = mrun::map(std::move(entries));
  CHECK(map.json() == R"({"list":["a",[1,2.5]]})");
  REQUIRE(map.get("list") != nullptr);
  CHECK(map.get("none") == nullptr);
  CHECK_THROWS_AS(mrun::tensor_view(map.c()), mrun::failure);
  int released = 0;
  CHECK_THROWS_AS(mrun::make_tensor(nullptr, mrun::dtype<float>, {2}, [&] { ++released; }), mrun::failure);
  CHECK_THROWS_AS(mrun::make_tensor("x", mrun::dtype<uint8_t>, {1}, [&] { ++released; }, {1, 1}), mrun::failure);
  CHECK(released == 2);
  const uint8_t rows[2][4] = {{1, 2, 3, 0}, {4, 5, 6, 0}};
  const mrun::variant padded = mrun::make_tensor(rows, mrun::dtype<uint8_t>, {2, 3}, nullptr, {4, 1});
  CHECK(padded.json() == "[[1,2,3],[4,5,6]]");
  CHECK_FALSE(mrun::tensor_view(padded.c()).contiguous());
  const mrun::variant none = mrun::make_tensor(rows, mrun::dtype<uint8_t>, {0, 2}, nullptr, {7, 5});
  CHECK(mrun::tensor_view(none.c()).contiguous());
  CHECK(mrun::dtype<const bool>.code == mrun::dtype<bool>.code);
}

TEST_CASE("an answer's files lie in the folder that is named for them") {
  const std::vector<float> many(20000);
  const mrun::variant large = mrun::make_tensor(many.data(), mrun::dtype<float>, {20000}, [] {});
  const Folder folder("text", echo);
  const std::string inside = folder.path() + "/in";
  const std::string longest(200, 'x'), longer = longest + "y";
  for (const char *prefix : {"../out", "/out", "a/b", "\xff", longer.c_str()}) {
    char *json = nullptr;
    CHECK(mrun_save_json(&large.c(), inside.c_str(), prefix, &json, nullptr) == MRUN_USAGE);
    CHECK(json == nullptr);
  }
  char *json = nullptr;
  REQUIRE(mrun_save_json(&large.c(), inside.c_str(), "..out", &json, nullptr) == MRUN_OK);
  CHECK(std::string(json).find("/in/..out-answer.npy") != std::string::npos);
  mrun_free(json);
}

TEST_CASE("DLPack's versioned struct: in and out, its read-only flag, and a version that is not known") {
  const Folder folder("tensor", echo);
  const Running running(folder);
  gone = 0;
  float memory[2] = {1, 2};
  for (const uint64_t flags : {uint64_t{0}, uint64_t{1}}) {
    mrun_value v{};
    REQUIRE(give(versioned(1, flags, memory), &v) == MRUN_OK);
    CHECK((v.flags & MRUN_READONLY) == flags);
    CHECK(v.as.tensor.dl->dl_tensor.data == memory);
    DLManagedTensorVersioned *out = nullptr;
    REQUIRE(mrun_tensor_export_versioned(&v, &out) == MRUN_OK);
    mrun_value_free(&v);
    auto *seen = reinterpret_cast<Versioned *>(out);
    CHECK(seen->major == 1);
    CHECK(seen->flags == flags);
    CHECK(seen->dl_tensor.data == memory);
    CHECK(gone == static_cast<int>(flags));
    seen->deleter(seen);
    CHECK(gone == static_cast<int>(flags) + 1);
  }
  mrun_value v{};
  CHECK(give(versioned(2, 0, memory), &v) == MRUN_USAGE);
  CHECK(gone == 3);
  CHECK(give(versioned(1, 0, nullptr), &v) == MRUN_USAGE);
  CHECK(gone == 4);
  REQUIRE(give(versioned(1, 0, memory), &v) == MRUN_OK);
  mrun_result r;
  REQUIRE(mrun_run(running.engine, &v, nullptr, &r) == MRUN_OK);
  CHECK(r.answer.as.tensor.dl->dl_tensor.data == memory);
  CHECK((r.answer.flags & MRUN_READONLY) != 0);  // it is the caller's
  mrun_value_free(&v);
  mrun_result_free(&r);
  CHECK(gone == 5);
  const mrun_value text = mrun_text("x");
  DLManagedTensor *none = nullptr;
  CHECK(mrun_tensor_export(&text, &none) == MRUN_USAGE);
}

TEST_CASE("several engines in one process, with options of their own") {
  const Folder folder("text", {{"postprocess.lua", "return function(s, p) return s .. p.end_ end"}},
                      "[params]\nend_ = '.'\n");
  const mrun::bundle bundle{folder.path().c_str()};
  std::vector<mrun::engine> engines;
  for (int i = 0; i < 4; ++i) {
    std::vector<std::pair<std::string, mrun::variant>> params;
    params.emplace_back("end_", mrun::text(std::string_view("0123" + i, 1)));
    const mrun::variant map = mrun::map(std::move(params));
    mrun::options options;
    options.params = &map.c();
    options.workers = 1 + i;
    engines.emplace_back(bundle, &options);
  }
  std::vector<std::future<mrun::result>> later;
  for (int i = 0; i < 40; ++i) later.push_back(engines[static_cast<size_t>(i % 4)].submit(mrun::text("n")));
  for (size_t i = 0; i < later.size(); ++i) CHECK(later[i].get().json() == "\"n" + std::to_string(i % 4) + "\"");
}

namespace {
// A number of the engine's statistics: "failed", or "queue" and "waiting".
int64_t counted(const mrun::engine &engine, const char *name, const char *inner = nullptr) {
  const mrun::variant all = mrun::from_json(engine.statistics());
  const mrun_value *v = all.get(name);
  if (v != nullptr && inner != nullptr) v = mrun_get(v, inner);
  return v == nullptr || v->kind != MRUN_INT ? -1 : v->as.integer;
}
}  // namespace

TEST_CASE("statistics tell what failed from what was cancelled, and where the items are") {
  const Folder folder("text", {{"preprocess.lua", R"(
    return function(s)
      if s == "bad" then error("no") end
      while s == "long" do end
      return s
    end)"}});
  mrun::options options;
  options.workers = 1;
  options.isolation = GENERATE(int32_t{MRUN_ISOLATION_NONE}, int32_t{MRUN_ISOLATION_PROCESS});
  const mrun::engine engine{mrun::bundle{folder.path().c_str()}, &options};
  engine.run(mrun::text("good"));
  engine.run(mrun::text("bad"));
  std::vector<uint64_t> ids(3);
  std::vector<std::future<mrun::result>> later;
  for (uint64_t &id : ids) later.push_back(engine.submit(mrun::text("long"), mrun::item(), -1, &id));
  for (int i = 0; i < 2000 && counted(engine, "queue", "running") < 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(counted(engine, "queue", "running") + counted(engine, "queue", "waiting") == 3);
  CHECK(counted(engine, "queue", "running") >= 1);
  CHECK(counted(engine, "queue", "held") == 0);
  CHECK(counted(engine, "memory", "tensors") >= 0);
  CHECK(counted(engine, "memory", "peak") > 1'000'000);
  for (const uint64_t id : ids) CHECK(engine.cancel(id));
  for (auto &answer : later) CHECK(answer.get().code() == MRUN_CANCELLED);
  CHECK(counted(engine, "items") == 5);
  CHECK(counted(engine, "failed") == 1);
  CHECK(counted(engine, "cancelled") == 3);
  CHECK(counted(engine, "queue", "waiting") == 0);
}

// Both run when the worker process is killed: each is suspected, and runs by itself in the next.
TEST_CASE("items that run one by one after a worker has ended can be cancelled") {
  const Folder folder("text", {{"preprocess.lua", R"(
    return function(s)
      require("log").warn("begun")
      while s == "long" do end
      return s
    end)"}});
  static std::atomic<int> begun;
  begun = 0;
  mrun::options options;
  options.workers = 2;
  options.timeout = 20;
  options.isolation = MRUN_ISOLATION_PROCESS;
  options.log = [](void *, int, const char *, const char *) { ++begun; };
  const mrun::engine engine{mrun::bundle{folder.path().c_str()}, &options};
  const auto wait_for = [](int count) {
    for (int i = 0; i < 2000 && begun < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    REQUIRE(begun >= count);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  };
  std::vector<uint64_t> ids(2);
  std::vector<std::future<mrun::result>> later;
  for (uint64_t &id : ids) later.push_back(engine.submit(mrun::text("long"), mrun::item(), -1, &id));
  wait_for(2);
  for (const int worker : children()) ::kill(worker, SIGKILL);
  wait_for(3);
  for (const uint64_t id : ids) CHECK(engine.cancel(id));
  for (auto &answer : later) CHECK(answer.get().code() == MRUN_CANCELLED);
  CHECK(std::string(engine.run(mrun::text("short")).json()) == "\"short\"");
}

TEST_CASE("an operation is called by itself") {
  load_probe();
  const float memory[] = {1, 2, 3, 4};
  std::vector<mrun::variant> args;
  args.push_back(mrun::make_tensor(memory, mrun::dtype<float>, {2, 2}, nullptr));
  const mrun::variant flat = mrun::call_operation("probe.flat@1", args);
  REQUIRE(flat.c().as.list.size == 1);
  CHECK(mrun::tensor_view(flat.c().as.list.items[0]).data<float>() == memory);
  std::vector<std::pair<std::string, mrun::variant>> keywords;
  keywords.emplace_back("x", std::move(args[0]));
  args[0] = mrun::map(std::move(keywords));
  CHECK(mrun::call_operation("probe.flat@1", args).json() == "[[1,2,3,4]]");
  args[0] = mrun::text("no tensor");
  CHECK_THROWS_WITH(mrun::call_operation("probe.flat@1", args), Catch::Matchers::ContainsSubstring("x: want Tensor"));
  CHECK_THROWS_AS(mrun::call_operation("probe.nothing@1", {}), mrun::failure);
  mrun_value results{};
  CHECK(mrun_call_operation(nullptr, nullptr, &results, nullptr) == MRUN_USAGE);
  CHECK(mrun_call_operation("probe.wait@1", nullptr, &results, nullptr) == MRUN_USAGE);
  CHECK(mrun_call_operation("probe.wait@1", nullptr, nullptr, nullptr) == MRUN_USAGE);
}

TEST_CASE("inspect, verify, log and per-item timings") {
  const Folder folder("text",
                      {{"postprocess.lua", "return function(s) require('log').warn('said ' .. s) return s end"}});
  const mrun::bundle bundle{folder.path().c_str()};
  CHECK_THAT(bundle.inspect("manifest"), Catch::Matchers::ContainsSubstring("\"name\":\"test\""));
  CHECK_THROWS_AS(bundle.inspect("nothing of the kind"), mrun::failure);
  char *report = nullptr;
  CHECK(mrun_verify(bundle.raw(), nullptr, nullptr, &report, nullptr) == MRUN_OK);
  mrun_free(report);
  static std::string heard;
  mrun::options options;
  options.log = [](void *, int level, const char *stage, const char *text) {
    heard = std::to_string(level) + " " + stage + " " + text;
  };
  const mrun::engine engine{bundle, &options};
  const mrun::result r = engine.run(mrun::text("it"));
  CHECK_THAT(heard, Catch::Matchers::ContainsSubstring("said it"));
  CHECK(r.time().postprocess > 0);
  CHECK(r.time().batch_size == 1);
}
