// A plugin for tests: one operation for each thing that an operation can do.
#include <mrun/plugin.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace {
std::atomic<int64_t> alive{0};  // objects of this plugin
std::atomic<int> inside{0};     // calls of kit.serial

struct Cell {  // changes: not shareable
  Cell() { ++alive; }
  ~Cell() { --alive; }
  double number = 0;
};
struct Lazy {  // stands for a tensor
  explicit Lazy(int64_t n) : n(n) { ++alive; }
  ~Lazy() { --alive; }
  int64_t n;
  std::atomic<int> made{0};
};

int lazy_tensor(mrun_call *raw, void *self, mrun_value *out) {
  auto &lazy = *static_cast<Lazy *>(self);
  if (lazy.n < 0) return mrun::host->fail(raw, MRUN_MODEL, "nothing to compute");
  ++lazy.made;
  const int64_t shape[] = {lazy.n};
  const int code = mrun::host->tensor_new(raw, mrun::int64, shape, 1, DLDevice{kDLCPU, 0}, out);
  if (code != MRUN_OK) return code;
  auto *data = static_cast<int64_t *>(out->as.tensor.dl->dl_tensor.data);
  for (int64_t i = 0; i < lazy.n; ++i) data[i] = i;
  return MRUN_OK;
}
}  // namespace

template <>
struct mrun::type_of<Cell> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     0,
                                     "kit.Cell",
                                     "A number that changes.",
                                     [](void *p) { delete static_cast<Cell *>(p); },
                                     nullptr};
};
template <>
struct mrun::type_of<Lazy> {
  static inline const mrun_type info{sizeof(mrun_type),
                                     MRUN_TYPE_SHAREABLE,
                                     "kit.Lazy",
                                     "0 to n - 1, made when needed.",
                                     [](void *p) { delete static_cast<Lazy *>(p); },
                                     lazy_tensor};
};

namespace {
mrun::value same(mrun::value x) { return x; }
double sum(const std::vector<double> &x, std::optional<double> bias) {
  double total = bias.value_or(0);
  for (const double d : x) total += d;
  return total;
}
std::map<std::string, int64_t> doubled(std::map<std::string, int64_t> x) {
  for (auto &entry : x) entry.second *= 2;
  return x;
}
std::tuple<std::string, std::vector<std::string>, std::optional<int64_t>> split(std::string_view text) {
  std::vector<std::string> words;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find(' ', from), text.size());
    words.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  const auto count = static_cast<int64_t>(words.size());
  return {words[0], words, count > 1 ? std::optional<int64_t>(count) : std::nullopt};
}
std::vector<std::vector<int64_t>> rows(std::vector<std::vector<int64_t>> x) {
  std::reverse(x.begin(), x.end());
  return x;
}
void zero(const mrun::tensor &x) { std::memset(x.data<char>(), 0, static_cast<size_t>(x.numel()) * x.item_size()); }
int64_t bytes_of(const mrun::tensor &x) { return x.numel() * static_cast<int64_t>(x.item_size()); }
int64_t total(const std::vector<mrun::tensor> &xs) {
  int64_t n = 0;
  for (const mrun::tensor &x : xs) n += x.numel();
  return n;
}
mrun::tensor filled(const mrun::call &c, int64_t n) { return mrun::tensor::empty(c, mrun::uint8, {n}); }
mrun::tensor picture(const mrun::call &c) { return mrun::tensor::empty(c, mrun::uint8, {4}).media(c, "image/png"); }

// Half of x, as a library that makes its own tensors would give it: a view that shares the memory.
mrun::tensor half(const mrun::call &c, const mrun::tensor &x) {
  struct View {
    DLManagedTensor dl{};
    int64_t shape[1] = {0};
  };
  auto *view = new View;
  view->shape[0] = x.numel() / 2;
  view->dl.dl_tensor = x.dl();
  view->dl.dl_tensor.ndim = 1;
  view->dl.dl_tensor.shape = view->shape;
  view->dl.dl_tensor.strides = nullptr;
  view->dl.manager_ctx = view;
  view->dl.deleter = [](DLManagedTensor *t) { delete static_cast<View *>(t->manager_ctx); };
  return mrun::tensor::give(c, &view->dl);
}

void use(const mrun::call &c, int64_t alloc, int64_t charge) {
  c.charge(charge);
  auto memory = c.alloc<char>(static_cast<size_t>(alloc));
  memory[0] = 1;
  std::thread([m = std::move(memory)]() mutable { m.reset(); }).join();  // freed by any thread
}
std::vector<int64_t> draw(const mrun::call &c, int64_t n) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(static_cast<int64_t>(c.seed() >> 12));
  return out;
}
void chat(const mrun::call &c, int64_t lines) {
  for (int64_t i = 0; i < lines; ++i) c.log(1, "line " + std::to_string(i));
}
void wait_until_stopped(const mrun::call &c) {
  while (true) {
    c.poll();
    std::this_thread::yield();
  }
}
int64_t serial(int64_t rounds) {
  int64_t most = 0;
  for (int64_t i = 0; i < rounds; ++i) {
    most = std::max<int64_t>(most, ++inside);
    std::this_thread::yield();
    --inside;
  }
  return most;
}
int64_t serial_back(const mrun::call &c, mrun::function f) { return f.invoke<int64_t>(c); }
void fails(std::string_view how) {
  if (how == "error") throw mrun::error(MRUN_INPUT, "not an image");
  if (how == "exception") throw std::runtime_error("went wrong");
  if (how == "memory") throw std::bad_alloc();
  if (how == "other") throw 3;
}
int throws(mrun_call *, const mrun_value *, mrun_value *, void *) { throw std::runtime_error("raw exception"); }
int unknown_code(mrun_call *, const mrun_value *, mrun_value *, void *) { return 4711; }
int false_result(mrun_call *, const mrun_value *, mrun_value *results, void *) {
  results[0].kind = MRUN_INT;
  return MRUN_OK;
}
int half_done(mrun_call *raw, const mrun_value *, mrun_value *results, void *) {
  mrun::host->string_new(raw, "left behind", 11, &results[0]);
  return mrun::host->fail(raw, MRUN_SCRIPT, "kit.half_done: %d of %d", 1, 2);
}
int false_pending(mrun_call *, const mrun_value *, mrun_value *, void *) { return MRUN_PENDING; }
const mrun_op raw_ops[] = {
    {sizeof(mrun_op), 0, "kit.throws@1() -> ()", "", nullptr, throws, nullptr},
    {sizeof(mrun_op), 0, "kit.unknown_code@1() -> ()", "", nullptr, unknown_code, nullptr},
    {sizeof(mrun_op), 0, "kit.false_result@1() -> str", "", nullptr, false_result, nullptr},
    {sizeof(mrun_op), 0, "kit.half_done@1() -> (str, str)", "", nullptr, half_done, nullptr},
    {sizeof(mrun_op), 0, "kit.false_pending@1() -> ()", "", nullptr, false_pending, nullptr},
};

mrun::value call_back(const mrun::call &c, mrun::function f, const mrun::value &x) {
  auto results = f(c, &x.get(), 1, 1);
  return results.empty() ? mrun::value() : std::move(results[0]);
}
mrun::value call_by_name(const mrun::call &c, const std::string &name, const mrun::value &x) {
  return call_back(c, c.find(name.c_str()), x);
}

std::unique_ptr<Cell> cell(const mrun::call &c, int64_t charge) {
  c.charge(charge);
  return std::make_unique<Cell>();
}
double add(Cell &self, double x) { return self.number += x; }
void with(const mrun::call &c, Cell &self, mrun::function f) {
  self.number += 1;
  f(c, nullptr, 0, 0);
}
std::unique_ptr<Lazy> lazy(int64_t n) { return std::make_unique<Lazy>(n); }
int64_t made(Lazy &self) { return self.made; }
int64_t objects_alive() { return alive; }

// Calls step(x), step(step(x)) ... as a task, `times` times.
struct Repeat : mrun::task<mrun::value> {
  mrun::function step{};
  int64_t left = 0;
  Repeat() { ++alive; }
  ~Repeat() override { --alive; }
  mrun::later<mrun::value> resume(mrun::call &c, std::vector<mrun::value> got) override {
    if (--left == 0) return got.empty() ? mrun::value() : std::move(got[0]);
    return await(c, step, std::move(got));
  }
};
mrun::later<mrun::value> repeat(const mrun::call &c, mrun::function f, const mrun::value &x, int64_t times) {
  if (times == 0) return x;
  c.charge(1000);
  auto task = std::make_unique<Repeat>();
  task->step = f;
  task->left = times;
  std::vector<mrun::value> args;
  args.push_back(x);
  return mrun::start(c, std::move(task), f, std::move(args), MRUN_AWAIT_ROWS);
}

// A namespace: kitns.pick has overloads, kitns.broken a schema that cannot be read.
std::atomic<int> looked_up{0};
int answer(mrun_call *raw, const mrun_value *, mrun_value *results, void *user) {
  const auto *text = static_cast<const char *>(user);
  return mrun::host->string_new(raw, text, std::strlen(text), &results[0]);
}
void *label(const char *text) { return const_cast<char *>(text); }
const mrun_op picks[] = {
    {sizeof(mrun_op), 0, "kitns.pick:int(int x) -> str", "", nullptr, answer, label("int")},
    {sizeof(mrun_op), 0, "kitns.pick:dim(int x, int dim=0) -> str", "", nullptr, answer, label("dim")},
    {sizeof(mrun_op), 0, "kitns.pick:Tensor(Tensor x) -> str", "", nullptr, answer, label("Tensor")},
    {sizeof(mrun_op), 0, "kitns.pick:float(float x) -> str", "", nullptr, answer, label("float")},
};
const mrun_op *const pick_list[] = {&picks[0], &picks[1], &picks[2], &picks[3]};
const mrun_op broken{sizeof(mrun_op), 0, "kitns.broken(", "", nullptr, answer, nullptr};
const mrun_op *const broken_list[] = {&broken};
int find(const char *name, const mrun_op *const **ops, size_t *count) {
  ++looked_up;
  const bool pick = std::strcmp(name, "pick") == 0, bad = std::strcmp(name, "broken") == 0;
  *ops = pick ? pick_list : broken_list;
  *count = pick ? 4 : bad ? 1 : 0;
  return MRUN_OK;
}
const char *list(size_t index) { return index == 0 ? "pick" : nullptr; }
const mrun_namespace space{sizeof(mrun_namespace), 0, "kitns.", "libkit 1.2.3", find, list};
int64_t lookups() { return looked_up; }

// A backend whose models add a number.
int open_model(mrun_call *, const mrun_model_source *source, void **model) {
  *model = new int64_t(static_cast<int64_t>(source->graph.size));
  return MRUN_OK;
}
void close_model(void *model) { delete static_cast<int64_t *>(model); }
const char *method(void *, size_t index) { return index == 0 ? "forward(int x) -> int" : nullptr; }
int call_model(mrun_call *, void *model, size_t, const mrun_value *args, mrun_value *results) {
  results[0].kind = MRUN_INT;
  results[0].as.integer = args[0].as.integer + *static_cast<int64_t *>(model);
  return MRUN_OK;
}
const mrun_backend backend{sizeof(mrun_backend), 0, "kit",   ".kit .kit2", open_model, close_model, method,
                           call_model,           1, nullptr, nullptr,      nullptr};
}  // namespace

MRUN_PLUGIN("kit", "2.1.0", "For tests.", nullptr, "Apache-2.0") {
  type<Cell>();
  type<Lazy>();
  op<same>("kit.same@1(Any x) -> Any", "x itself.");
  op<sum>("kit.sum@1(float[] x, float? bias=None) -> float");
  op<sum>("kit.sum@2(float[3] x, float bias=1) -> float");
  op<doubled>("kit.doubled@1(Dict(str, int) x) -> Dict(str, int)");
  op<split>("kit.split@1(str text) -> (str, str[], int?)");
  op<rows>("kit.rows@1(Any[] x) -> Any[]");
  op<zero>("kit.zero@1(Tensor(a!) x) -> ()");
  op<bytes_of>("kit.bytes@1(Tensor x) -> int");
  op<total>("kit.total@1(Tensor[] xs) -> int");
  op<filled>("kit.filled@1(int n) -> Tensor");
  op<picture>("kit.picture@1() -> Tensor");
  op<half>("kit.half@1(Tensor(a) x) -> Tensor(a)");
  op<use>("kit.use@1(int alloc, int charge=0) -> ()");
  op<draw>("kit.draw@1(int n) -> int[]", "", MRUN_OP_RANDOM);
  op<chat>("kit.chat@1(int lines) -> ()");
  op<wait_until_stopped>("kit.wait@1() -> ()");
  op<serial>("kit.serial@1(int rounds) -> int", "", MRUN_OP_SERIAL);
  op<serial_back>("kit.serial_back@1(Callable f) -> int", "", MRUN_OP_SERIAL);
  op<fails>("kit.fails@1(str how) -> ()");
  op<call_back>("kit.call@1(Callable f, Any x) -> Any");
  op<call_by_name>("kit.call_by_name@1(str name, Any x) -> Any");
  op<cell>("kit.cell@1(int charge=0) -> kit.Cell");
  op<add>("kit.Cell.add@1(kit.Cell self, float x) -> float");
  op<with>("kit.Cell.with@1(kit.Cell self, Callable f) -> ()");
  op<lazy>("kit.lazy@1(int n) -> kit.Lazy", "", MRUN_OP_ONCE);
  op<made>("kit.Lazy.made@1(kit.Lazy self) -> int");
  op<objects_alive>("kit.alive@1() -> int");
  op<repeat>("kit.repeat@1(Callable f, Any x, int times) -> Any");
  op<lookups>("kit.lookups@1() -> int");
  for (const mrun_op &o : raw_ops) mrun::check(mrun::host->add_op(registry, &o));
  mrun::check(mrun::host->add_namespace(registry, &space));
  mrun::check(mrun::host->add_backend(registry, &backend));
}
