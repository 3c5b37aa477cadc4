// A plugin for tests that breaks what plugin.h asks of it, in C++: the host says so, and goes on.
#include <mrun/plugin_backend.hpp>

#include <stdexcept>

namespace {

struct Thing {
  int64_t n = 0;
};

// 0: of no dtype that there is; 1: not aligned; 2: on no device that is known.
mrun::tensor wrong(const mrun::call &c, int64_t how) {
  alignas(64) static float memory[5] = {1, 2, 3, 4, 5};
  static int64_t four = 4;
  auto *dl = new DLManagedTensor{};
  dl->deleter = [](DLManagedTensor *d) { delete d; };
  dl->dl_tensor.data = memory;
  dl->dl_tensor.device = {how == 2 ? static_cast<DLDeviceType>(77) : kDLCPU, 0};
  dl->dl_tensor.ndim = 1;
  dl->dl_tensor.shape = &four;
  dl->dl_tensor.dtype = mrun::float32;
  if (how == 0) dl->dl_tensor.dtype.lanes = 2;
  if (how == 1) dl->dl_tensor.byte_offset = 1;
  return mrun::tensor::give(c, dl);
}

// Values that nothing made.
mrun::value unmade(int64_t how) {
  static mrun_value inner{MRUN_TENSOR, 0, {}, nullptr};
  mrun_value v{};
  constexpr mrun_kind kinds[] = {MRUN_TENSOR, MRUN_OBJECT, MRUN_STRING, MRUN_LIST, MRUN_LIST, MRUN_MAP};
  v.kind = kinds[how];
  if (how == 2) v.as.string.size = 7;
  if (how == 3) v.as.list.size = 3;
  if (how == 4) v.as.list.items = &inner, v.as.list.size = 1;
  if (how == 5) v.as.map.size = 3;
  return mrun::value(v);
}
// As their C code would write them without a call's helpers.
int raw_tensor(mrun_call *, const mrun_value *, mrun_value *results, void *) {
  results[0].kind = MRUN_TENSOR;
  return MRUN_OK;
}
int raw_failure(mrun_call *call, const mrun_value *, mrun_value *results, void *) {
  results[0].kind = MRUN_TENSOR;
  return mrun::host->fail(call, MRUN_INPUT, "failed after it wrote");
}
int raw_throw(mrun_call *, const mrun_value *, mrun_value *results, void *) {
  results[0].kind = MRUN_TENSOR;
  throw std::runtime_error("thrown after it wrote");
}
const mrun_op raw[] = {{sizeof(mrun_op), 0, "lies.raw@1() -> Tensor", "", nullptr, raw_tensor, nullptr},
                       {sizeof(mrun_op), 0, "lies.raw_failure@1() -> Tensor", "", nullptr, raw_failure, nullptr},
                       {sizeof(mrun_op), 0, "lies.raw_throw@1() -> Tensor", "", nullptr, raw_throw, nullptr}};

// Several of what is no value, beside one that is: all are taken over.
int list_of_none(const mrun::call &c) {
  mrun_value items[4]{}, list{};
  items[0].kind = items[1].kind = MRUN_TENSOR;
  items[2].kind = MRUN_OBJECT;
  items[3] = mrun::value::of(c, std::string("a value")).release();
  const int code = mrun::host->list_new(c.raw, items, 4, &list);
  return items[3].kind == MRUN_NIL ? code : MRUN_OK;
}
int map_of_none(const mrun::call &c) {
  mrun_entry items[3]{};
  mrun_value map{};
  items[0].value.kind = items[1].value.kind = MRUN_OBJECT;
  items[2].value = mrun::value::of(c, std::string("a value")).release();
  const int code = mrun::host->map_new(c.raw, items, 3, &map);
  return items[2].value.kind == MRUN_NIL ? code : MRUN_OK;
}

// NULL wherever the host's functions take a pointer: how many of them do not say that it is wrong.
int64_t nulls(const mrun::call &c) {
  const mrun_host &h = *mrun::host;
  const DLDevice cpu{kDLCPU, 0};
  const int64_t one = 1;
  mrun_value v{};
  void *memory = nullptr;
  mrun_function *f = nullptr;
  uint64_t seed = 0;
  mrun_entry entry{{nullptr, 3}, {}};
  mrun_value unmade{};
  unmade.kind = MRUN_TENSOR;
  mrun_function *silent = nullptr;
  if (h.find(c.raw, "lies.silent@1", &silent) != MRUN_OK) return -1;
  const int codes[] = {h.tensor_new(c.raw, mrun::float32, &one, 1, cpu, nullptr),
                       h.tensor_new(nullptr, mrun::float32, &one, 1, cpu, &v),
                       h.tensor_new(c.raw, DLDataType{99, 32, 1}, &one, 1, cpu, &v),
                       h.tensor_new(c.raw, DLDataType{kDLFloat, 24, 1}, &one, 1, cpu, &v),
                       list_of_none(c),
                       map_of_none(c),
                       h.string_new(c.raw, "a", 1, nullptr),
                       h.list_new(c.raw, nullptr, 0, nullptr),
                       h.map_new(c.raw, nullptr, 0, nullptr),
                       h.map_new(c.raw, &entry, 1, &v),
                       h.value_copy(c.raw, nullptr, &v),
                       h.value_copy(c.raw, &v, nullptr),
                       h.value_copy(c.raw, &unmade, &v),
                       h.call(c.raw, silent, &unmade, 1, nullptr, nullptr),
                       h.fail(c.raw, MRUN_USAGE, nullptr),
                       h.find(c.raw, "lies.none@1", nullptr),
                       h.find(nullptr, "lies.none@1", &f),
                       h.seed(c.raw, 0, nullptr),
                       h.seed(nullptr, 0, &seed),
                       h.alloc(c.raw, 1, nullptr),
                       h.alloc(nullptr, 1, &memory),
                       h.charge(nullptr, 1),
                       h.stopped(nullptr),
                       h.call(nullptr, nullptr, nullptr, 0, nullptr, nullptr),
                       h.await(nullptr, nullptr, nullptr, 0, nullptr)};
  h.log(nullptr, 1, nullptr);
  h.value_free(nullptr);
  h.release(nullptr);
  int64_t refused = h.threads(nullptr) == 1 ? 0 : -100;
  for (const int code : codes) refused += code == MRUN_USAGE ? 1 : 0;
  return static_cast<int64_t>(std::size(codes)) - refused;
}

struct Thrower {
  ~Thrower() noexcept(false) { throw 5; }
};
std::unique_ptr<Thrower> thrower() { return std::make_unique<Thrower>(); }

struct Wrong : mrun::task<mrun::value> {
  mrun::later<mrun::value> resume(mrun::call &c, std::vector<mrun::value> got) override {
    if (got.at(0).is_nil()) return mrun::pending{};  // of nothing
    if (got[0].kind() == MRUN_BOOL) throw 7;
    return mrun::value::of(c, std::string("no number"));
  }
};
// An operation whose task gives another kind than the schema says.
int task_op(mrun_call *raw_call, const mrun_value *args, mrun_value *, void *) {
  const mrun::call c(raw_call);
  try {
    mrun::start(c, std::make_unique<Wrong>(), mrun::function{args[0].as.function}, {});
  } catch (const mrun::failed &e) { return e.code; }
  return MRUN_PENDING;
}
const mrun_op task{sizeof(mrun_op), 0, "lies.task@1(Callable f) -> int", "", nullptr, task_op, nullptr};

int find_wrong(const char *name, const mrun_op *const **overloads, size_t *count) {
  static const mrun_op other{sizeof(mrun_op), 0, "lieszz.other() -> Tensor", "", nullptr, raw_tensor, nullptr};
  static const mrun_op *const list[] = {&other};
  *overloads = name == std::string_view("none") ? nullptr : list;
  *count = 1;
  return MRUN_OK;
}
const mrun_namespace wrong_names{sizeof(mrun_namespace), 0, "lieszz.", "lies 1", find_wrong, nullptr};

// Stands for a tensor, and has none.
struct Number {};
std::unique_ptr<Number> number() { return std::make_unique<Number>(); }
int no_tensor(mrun_call *, void *, mrun_value *) { return MRUN_MODEL; }
// Stands for what an operation gives.
struct Found {};
std::unique_ptr<Found> found() { return std::make_unique<Found>(); }
int found_tensor(mrun_call *call, void *, mrun_value *tensor) {
  mrun_function *make = nullptr;
  if (const int code = mrun::host->find(call, "torch.tensor@1", &make)) return code;
  mrun_value seven{};
  seven.kind = MRUN_FLOAT, seven.as.number = 7;
  size_t count = 1;
  return mrun::host->call(call, make, &seven, 1, tensor, &count);
}
int64_t dimensions(const mrun::tensor &x) { return x.dim(); }

std::unique_ptr<Thing> none() { return nullptr; }
int64_t size(Thing &thing) { return thing.n; }
void silent() { throw mrun::error(MRUN_INPUT, ""); }

std::vector<mrun::lazy_op> make(const std::string &) {
  const auto three = [](mrun::call &c, const mrun_value *) {
    return std::vector<mrun::value>(3, mrun::value::of(c, int64_t{1}));
  };
  return {{"liesns.more:one() -> (int, Dict(str, int))", "", three}};
}
const char *list(size_t) { return nullptr; }

}  // namespace

template <>
struct mrun::type_of<Thing> {
  static inline const mrun_type info{
      sizeof(mrun_type), 0, "lies.Thing", "", [](void *self) { delete static_cast<Thing *>(self); }, nullptr};
};

template <>
struct mrun::type_of<Number> {
  static inline const mrun_type info{
      sizeof(mrun_type), 0, "lies.Number", "", [](void *self) { delete static_cast<Number *>(self); }, no_tensor};
};

template <>
struct mrun::type_of<Found> {
  static inline const mrun_type info{
      sizeof(mrun_type), 0, "lies.Found", "", [](void *self) { delete static_cast<Found *>(self); }, found_tensor};
};

template <>
struct mrun::type_of<Thrower> {
  static inline const mrun_type info{
      sizeof(mrun_type), 0, "lies.Thrower", "", [](void *self) { delete static_cast<Thrower *>(self); }, nullptr};
};

MRUN_PLUGIN("lies", "1.0.0", "For tests.") {
  type<Thing>();
  op<wrong>("lies.wrong@1(int how) -> Tensor");
  type<Number>();
  op<number>("lies.number@1() -> lies.Number");
  type<Found>();
  op<found>("lies.found@1() -> lies.Found");
  op<dimensions>("lies.dimensions@1(Tensor x) -> int");
  type<Thrower>();
  op<thrower>("lies.thrower@1() -> lies.Thrower");
  op<unmade>("lies.unmade@1(int how) -> Any");
  op<nulls>("lies.nulls@1() -> int");
  for (const mrun_op &o : raw) mrun::check(mrun::host->add_op(registry, &o));
  mrun::check(mrun::host->add_op(registry, &task));
  mrun::check(mrun::host->add_namespace(registry, &wrong_names));
  op<none>("lies.none@1() -> lies.Thing");
  op<size>("lies.Thing.size@1(lies.Thing self) -> int");
  op<silent>("lies.silent@1() -> ()");
  mrun::add_namespace<make, list>(*this, "liesns.", "lies 1");
}
