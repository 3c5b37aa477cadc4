#include "support.h"

#include <mrun/plugin.hpp>
#include <thread>

namespace host_test {

Folder::Folder(const std::string &kind, const Files &files, const std::string &more) {
  load_probe();
  std::string name = (fs::temp_directory_path() / "mrun-api-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
  std::ofstream(path_ / "bundle.toml") << "[bundle]\nname = \"test\"\n[input]\nkind = \"" << kind << "\"\n" << more;
  for (const auto &[file, text] : files) std::ofstream(path_ / file, std::ios::binary) << text;
}

Running::Running(const Folder &folder, const mrun_options *options) {
  mrun_error error{};
  int code = mrun_open(folder.path().c_str(), nullptr, &bundle, &error);
  if (code == MRUN_OK) code = mrun_start(bundle, options, &engine, &error);
  const std::string said = error.message == nullptr ? "" : error.message;
  mrun_error_free(&error);
  INFO(said);
  REQUIRE(code == MRUN_OK);
}

Running::~Running() {
  mrun_stop(engine);
  mrun_close(bundle);
}

Answer run(mrun_engine *engine, const mrun_value &input, const mrun_item *given) {
  mrun_item item;
  MRUN_INIT(item);
  if (given != nullptr) item = *given;
  item.json = 1;
  mrun_result r;
  Answer a;
  a.code = mrun_run(engine, &input, &item, &r);
  a.stage = r.stage == nullptr ? "" : r.stage;
  a.message = r.error.message == nullptr ? "" : r.error.message;
  a.json = r.json == nullptr ? "" : r.json;
  mrun_result_free(&r);
  return a;
}

Answer run(mrun_engine *engine, const char *text) { return run(engine, mrun_text(text)); }

std::atomic<int> gone{0};

DLManagedTensor *own_tensor(std::vector<int64_t> shape, DLDataType type) {
  struct Own {
    DLManagedTensor dl{};
    std::vector<int64_t> shape;
    std::vector<double> memory;
  };
  auto *own = new Own;
  size_t bytes = size_t{type.bits} / 8 * type.lanes;
  for (const int64_t n : shape) bytes *= n > 0 ? static_cast<size_t>(n) : 1;
  own->shape = std::move(shape);
  own->memory.resize(bytes / sizeof(double) + 1);
  own->dl.dl_tensor.data = own->memory.data();
  own->dl.dl_tensor.device = {kDLCPU, 0};
  own->dl.dl_tensor.ndim = static_cast<int32_t>(own->shape.size());
  own->dl.dl_tensor.dtype = type;
  own->dl.dl_tensor.shape = own->shape.data();
  own->dl.manager_ctx = own;
  own->dl.deleter = [](DLManagedTensor *dl) {
    delete static_cast<Own *>(dl->manager_ctx);
    ++gone;
  };
  return &own->dl;
}

mrun_value frame(int64_t height, int64_t width) {
  mrun_value v{};
  REQUIRE(mrun_tensor(own_tensor({height, width, 3}, {kDLUInt, 8, 1}), &v) == MRUN_OK);
  return v;
}

namespace {

// A model whose forward doubles, and whose method `wait` ends when its item must.
int open_model(mrun_call *, const mrun_model_source *, void **model) {
  *model = nullptr;
  return MRUN_OK;
}
void close_model(void *) {}
const char *method(void *, size_t i) {
  static const char *const methods[] = {"forward(Tensor x) -> Tensor", "wait(Tensor x) -> Tensor"};
  return i < 2 ? methods[i] : nullptr;
}
int call_model(mrun_call *call, void *, size_t i, const mrun_value *args, mrun_value *results) {
  while (i == 1 && mrun::host->stopped(call) == MRUN_OK) std::this_thread::yield();
  if (i == 1) return mrun::host->stopped(call);
  return mrun::host->value_copy(call, &args[0], &results[0]);
}
const mrun_backend backend{sizeof(mrun_backend), 0, "probe", ".probe", open_model, close_model, method,
                           call_model,           1, nullptr, nullptr,  nullptr};

void wait_until_stopped(const mrun::call &c) {
  while (true) {
    c.poll();
    std::this_thread::yield();
  }
}

// A view, as a library that makes its own tensors gives one.
mrun::tensor flat(const mrun::call &c, const mrun::tensor &x) {
  struct View {
    DLManagedTensor dl{};
    int64_t shape[1] = {0};
  };
  auto *view = new View;
  view->shape[0] = x.numel();
  view->dl.dl_tensor = x.dl();
  view->dl.dl_tensor.ndim = 1;
  view->dl.dl_tensor.shape = view->shape;
  view->dl.dl_tensor.strides = nullptr;
  view->dl.manager_ctx = view;
  view->dl.deleter = [](DLManagedTensor *t) { delete static_cast<View *>(t->manager_ctx); };
  return mrun::tensor::give(c, &view->dl);
}

}  // namespace
}  // namespace host_test

MRUN_PLUGIN("probe", "1.0.0", "For tests.") {
  op<host_test::wait_until_stopped>("probe.wait@1() -> ()");
  op<host_test::flat>("probe.flat@1(Tensor(a) x) -> Tensor(a)");
  mrun::check(mrun::host->add_backend(registry, &host_test::backend));
}

void host_test::load_probe() {
  static const int code = mrun_add_plugin(mrun_plugin_init, nullptr);
  REQUIRE(code == MRUN_OK);
}
