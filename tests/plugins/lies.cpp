// A plugin for tests that breaks what plugin.h asks of it, in C++: the host says so, and goes on.
#include <mrun/plugin_backend.hpp>

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

MRUN_PLUGIN("lies", "1.0.0", "For tests.") {
  type<Thing>();
  op<wrong>("lies.wrong@1(int how) -> Tensor");
  op<none>("lies.none@1() -> lies.Thing");
  op<size>("lies.Thing.size@1(lies.Thing self) -> int");
  op<silent>("lies.silent@1() -> ()");
  mrun::add_namespace<make, list>(*this, "liesns.", "lies 1");
}
