// A bundle with a model of a backend that lives in the test, and an engine over it.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <atomic>
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

// forward doubles; a row that begins with -13 fails the whole call. two takes a default. wrong gives no tensor.
class Mock {
 public:
  static Registry &registry() {
    static Registry all(std::vector<std::filesystem::path>{});
    return all;
  }
  static const Plugin &plugin() { return registry().add(init); }

 private:
  static inline const mrun_host *host = nullptr;

  static int open(mrun_call *, const mrun_model_source *, void **model) {
    *model = new int;
    return MRUN_OK;
  }
  static void close(void *model) { delete static_cast<int *>(model); }
  static const char *method(void *, size_t i) {
    static const char *const methods[] = {"forward(Tensor x) -> Tensor", "two(Tensor x, int n=3) -> Tensor",
                                          "wrong(Tensor x) -> Tensor", "wait(Tensor x) -> Tensor",
                                          "placed(Tensor x) -> Tensor"};
    return i < std::size(methods) ? methods[i] : nullptr;
  }
  static int call(mrun_call *call, void *, size_t method, const mrun_value *args, mrun_value *results) {
    const DLTensor &in = args[0].as.tensor.dl->dl_tensor;
    if (method == 2) return MRUN_OK;
    if (method == 3) {
      while (host->stopped(call) == MRUN_OK) ::usleep(200);
      return host->stopped(call);
    }
    const int64_t rows = in.ndim > 0 ? in.shape[0] : 1;
    int64_t n = 1;
    for (int d = 0; d < in.ndim; ++d) n *= in.shape[d];
    const auto *x = reinterpret_cast<const float *>(static_cast<const char *>(in.data) + in.byte_offset);
    if (const int code = enter(call, x, rows, rows > 0 ? n / rows : 0); code != MRUN_OK) return code;
    if (const int code = host->tensor_new(call, in.dtype, in.shape, in.ndim, in.device, &results[0]); code != MRUN_OK)
      return code;
    auto *y = static_cast<float *>(results[0].as.tensor.dl->dl_tensor.data);
    const float by = method == 1 ? static_cast<float>(args[1].as.integer) : 2;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * by + (method == 4 ? static_cast<float>(i) : 0);
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
  static int init(const mrun_host *h, mrun_plugin *p) {
    static const mrun_backend backend{
        sizeof(mrun_backend), 0, "mock", ".mock", open, close, method, call, 1, nullptr, nullptr, nullptr};
    host = h;
    p->size = sizeof *p;
    p->abi = MRUN_ABI;
    p->doc = p->license = "";
    p->name = "mock";
    p->version = "1.0.0";
    return h->add_backend(p->registry, &backend);
  }
};

// A folder with a bundle of kind tensor and the model of the mock.
class MockBundle {
 public:
  using Files = std::map<std::string, std::string>;
  explicit MockBundle(const Files &files = {}, const std::string &batch = "") {
    Mock::plugin();
    std::string name = (fs::temp_directory_path() / "mrun-exec-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    write("bundle.toml", "[bundle]\nname = \"test\"\n[input]\nkind = \"tensor\"\n[models.main]\nfile = \"m.mock\"\n" +
                             (batch.empty() ? "" : "[batch]\n" + batch));
    write("m.mock", "mock");
    for (const auto &[path, text] : files) write(path, text);
  }
  ~MockBundle() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  MockBundle(const MockBundle &) = delete;
  MockBundle &operator=(const MockBundle &) = delete;

  std::unique_ptr<Session> start(EngineOptions options = {}) const {
    options.registry = &Mock::registry();
    return start_session(Bundle::open(folder_), std::move(options));
  }

 private:
  void write(const std::string &path, const std::string &text) const {
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
