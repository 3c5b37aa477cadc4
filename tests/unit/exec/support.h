// A bundle with a model of a backend that lives in the test, and an engine over it.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "catch.h"
#include "exec/session.h"
#include "plugin/registry.h"

namespace mrun::test {

namespace fs = std::filesystem;

// What the mock's calls saw, in all tests of the process. Each test clears it first.
struct Calls {
  std::mutex mutex;
  std::vector<int64_t> rows;               // of each call of forward, in order
  std::vector<std::vector<float>> firsts;  // the first element of each row
  std::atomic<int> inside{0}, most_inside{0};
  std::atomic<int> delay_us{0};
  std::vector<std::string> files;  // that the last opening was offered, each with what it read and mapped
  std::atomic<int> counted{0};     // calls of mock.count
  void clear() {
    const std::lock_guard lock(mutex);
    rows.clear();
    firsts.clear();
    delay_us = 0;
  }
};
inline Calls calls;

inline Tensor floats(const std::vector<float> &x, Shape shape = {}) {
  if (shape.empty()) shape = {static_cast<int64_t>(x.size())};
  Tensor t = Tensor::empty(dtype::float32, shape);
  std::copy(x.begin(), x.end(), t.data<float>());
  return t;
}

// forward doubles; a row that begins with -13 fails the whole call. two takes a default. wrong gives no tensor. What placed gives depends on
// a row's place, what edged gives only beyond the eighth, what sized gives on how many rows there are. counted says how many, in a
// list. paired wants as many rows of y. bad throws what it must not, by its element.
// Of files *.serial each item has a model of its own, in which two only reads; and one call at a time runs.
class Mock {
 public:
  static Registry &registry() {
    static Registry all(std::vector<std::filesystem::path>{});
    return all;
  }
  static const Plugin &plugin() { return registry().add(init); }
  static void add_to(Registry &other) { other.add(init); }

 private:
  static inline const mrun_host *host = nullptr;

  static int open(mrun_call *call, const mrun_model_source *source, void **model) {
    calls.files.clear();
    for (size_t i = 0; const char *name = source->file(source->files, i); ++i) {
      std::string line = name;
      for (const auto get : {source->read, source->map}) {
        mrun_value bytes{};
        if (const int code = get(call, source->files, name, &bytes); code != MRUN_OK) return code;
        const DLTensor &t = bytes.as.tensor.dl->dl_tensor;
        line += " " + std::string(static_cast<const char *>(t.data) + t.byte_offset, static_cast<size_t>(t.shape[0]));
        host->value_free(&bytes);
      }
      calls.files.push_back(line);
    }
    mrun_value none{};
    if (source->read(call, source->files, "none", &none) != MRUN_MISSING) return MRUN_INTERNAL;
    *model = new int;
    return MRUN_OK;
  }
  static void close(void *model) { delete static_cast<int *>(model); }
  static int clone(mrun_call *, void *, void **copy) {
    *copy = new (std::nothrow) int;
    return *copy == nullptr ? MRUN_MEMORY : MRUN_OK;
  }
  static uint32_t traits(void *, size_t method) { return method == 1 ? 0 : MRUN_MODEL_STATEFUL; }
  static const char *method(void *, size_t i) {
    static const char *const methods[] = {"forward(Tensor x) -> Tensor", "two(Tensor x, int n=3) -> Tensor",
                                          "wrong(Tensor x) -> Tensor",   "wait(Tensor x) -> Tensor",
                                          "placed(Tensor x) -> Tensor",  "listed(Tensor[] xs) -> Tensor",
                                          "sized(Tensor x) -> Tensor",   "paired(Tensor x, Tensor y) -> Tensor",
                                          "bad(Tensor x) -> Tensor",     "counted(Tensor x) -> Any",
                                          "edged(Tensor x) -> Tensor"};
    return i < std::size(methods) ? methods[i] : nullptr;
  }
  static int call(mrun_call *call, void *, size_t method, const mrun_value *args, mrun_value *results) {
    const mrun_value &first = method == 5 ? args[0].as.list.items[0] : args[0];
    const DLTensor &in = first.as.tensor.dl->dl_tensor;
    if (method == 2) return MRUN_OK;
    if (method == 3) {
      while (host->stopped(call) == MRUN_OK) ::usleep(200);
      return host->stopped(call);
    }
    if (method == 7 && in.shape[0] != args[1].as.tensor.dl->dl_tensor.shape[0])
      return host->fail(call, MRUN_MODEL, "a row without its other half");
    const int64_t rows = in.ndim > 0 ? in.shape[0] : 1;
    int64_t n = 1;
    for (int d = 0; d < in.ndim; ++d) n *= in.shape[d];
    const auto *x = reinterpret_cast<const float *>(static_cast<const char *>(in.data) + in.byte_offset);
    if (method == 8 && x[0] == 1) throw std::runtime_error("raw exception");
    if (method == 8) throw 2;
    if (const int code = enter(call, x, rows, rows > 0 ? n / rows : 0); code != MRUN_OK) return code;
    if (method == 9) {
      mrun_value number{};
      number.kind = MRUN_INT;
      number.as.integer = rows;
      return host->list_new(call, &number, 1, &results[0]);
    }
    if (const int code = host->tensor_new(call, in.dtype, in.shape, in.ndim, in.device, &results[0]); code != MRUN_OK)
      return code;
    auto *y = static_cast<float *>(results[0].as.tensor.dl->dl_tensor.data);
    const float by = method == 1 ? static_cast<float>(args[1].as.integer) : 2;
    for (int64_t i = 0; i < n; ++i)
      y[i] = x[i] * by + (method == 4    ? static_cast<float>(i)
                          : method == 6  ? std::ldexp(static_cast<float>(rows), -10)
                          : method == 10 ? static_cast<float>(i / (n / rows) / 8)
                                         : 0);
    return MRUN_OK;
  }
  static int enter(mrun_call *call, const float *x, int64_t rows, int64_t size) {
    const int inside = ++calls.inside;
    calls.most_inside = std::max(calls.most_inside.load(), inside);
    if (calls.delay_us > 0) ::usleep(static_cast<useconds_t>(calls.delay_us));
    --calls.inside;
    std::vector<float> firsts;
    for (int64_t r = 0; r < rows && size > 0; ++r) firsts.push_back(x[r * size]);
    if (std::find(firsts.begin(), firsts.end(), -13.0f) != firsts.end())
      return host->fail(call, MRUN_MODEL, "thirteen brings bad luck");
    const std::lock_guard lock(calls.mutex);
    calls.rows.push_back(rows);
    calls.firsts.push_back(std::move(firsts));
    return MRUN_OK;
  }
  // ---- operations: how often this was called; a task that awaits f with the first `given` of its arguments

  static int count(mrun_call *, const mrun_value *, mrun_value *results, void *) {
    results[0].kind = MRUN_INT;
    results[0].as.integer = ++calls.counted;
    return MRUN_OK;
  }
  static int resume(mrun_call *, void *, mrun_value *got, size_t, mrun_value *results) {
    results[0] = std::exchange(got[0], mrun_value{});
    return MRUN_OK;
  }
  static int search(mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
    static_cast<void>(results);
    const mrun_await how{sizeof(mrun_await),
                         args[2].as.boolean != 0 ? uint32_t{MRUN_AWAIT_ROWS} : 0,
                         nullptr,
                         resume,
                         [](void *) {},
                         nullptr};
    std::vector<mrun_value> given(args[1].as.list.size);
    for (size_t i = 0; i < given.size(); ++i) {
      if (const int code = host->value_copy(call, &args[1].as.list.items[i], &given[i]); code != MRUN_OK) return code;
    }
    return host->await(call, args[0].as.function, given.data(), given.size(), &how);
  }

  static int call_now(mrun_call *call, const mrun_value *args, mrun_value *results, void *) {
    size_t count = 1;
    return host->call(call, args[0].as.function, &args[1], 1, results, &count);
  }

  static int init(const mrun_host *h, mrun_plugin *p) {
    static const mrun_op ops[] = {
        {sizeof(mrun_op), 0, "mock.count@1() -> int", "", nullptr, count, nullptr},
        {sizeof(mrun_op), 0, "mock.now@1(Callable f, Any x) -> Any", "", nullptr, call_now, nullptr},
        {sizeof(mrun_op), 0, "mock.search@1(Callable f, Any[] args, bool rows) -> Any", "", nullptr, search, nullptr}};
    static const mrun_backend backend{
        sizeof(mrun_backend), 0, "mock", ".mock", open, close, method, call, 1, nullptr, nullptr, nullptr};
    static const mrun_backend serial{
        sizeof(mrun_backend), 0, "serial", ".serial", open, close, method, call, 0, nullptr, traits, clone};
    host = h;
    p->size = sizeof *p;
    p->abi = MRUN_ABI;
    p->doc = p->license = "";
    p->name = "mock";
    p->version = "1.0.0";
    for (const mrun_op &op : ops) {
      if (const int code = h->add_op(p->registry, &op); code != MRUN_OK) return code;
    }
    if (const int code = h->add_backend(p->registry, &serial); code != MRUN_OK) return code;
    return h->add_backend(p->registry, &backend);
  }
};

inline EngineOptions with_workers(int workers, bool offline) {
  EngineOptions o;
  o.workers = workers;
  o.offline = offline;
  return o;
}

// A folder with a bundle of kind tensor and the model of the mock.
class MockBundle {
 public:
  using Files = std::map<std::string, std::string>;
  // model: its section's lines.
  explicit MockBundle(const Files &files = {}, const std::string &batch = "",
                      const std::string &model = "file = \"m.mock\"\n") {
    Mock::plugin();
    std::string name = (fs::temp_directory_path() / "mrun-exec-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    write("bundle.toml", "[bundle]\nname = \"test\"\n[input]\nkind = \"tensor\"\n[models.main]\n" + model +
                             (batch.empty() ? "" : "[batch]\n" + batch));
    for (const char *file : {"m.mock", "m.serial"}) write(file, "mock");
    for (const auto &[path, text] : files) write(path, text);
  }
  ~MockBundle() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  MockBundle(const MockBundle &) = delete;
  MockBundle &operator=(const MockBundle &) = delete;

  std::unique_ptr<Session> start(EngineOptions options = {}) const {
    if (options.registry == nullptr) options.registry = &Mock::registry();
    return start_session(Bundle::open(folder_), std::move(options));
  }

  std::shared_ptr<const Bundle> open() const { return Bundle::open(folder_); }

 private:
  void write(const std::string &path, const std::string &text) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path, std::ios::binary) << text;
  }
  fs::path folder_;
};

inline Work work(Value input, uint64_t number = 0) {
  Work w;
  w.input = std::move(input);
  w.number = number;
  return w;
}

inline std::vector<float> values_of(const Value &v) {
  REQUIRE(v.is_tensor());
  const Tensor t = v.as_tensor().contiguous();
  return {t.data<float>(), t.data<float>() + t.numel()};
}

}  // namespace mrun::test
