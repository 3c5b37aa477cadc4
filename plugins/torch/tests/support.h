// The torch plugin through the registry, as the core uses it; and what make_models.py made.
#pragma once
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "plugin/registry.h"
#include "value/json.h"
#include "value/safetensors.h"

namespace test {

using mrun::Tensor;
using mrun::Value;

inline std::string read_file(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) mrun::fail(MRUN_MISSING, "{}: cannot be read", path);
  return text.str();
}
inline std::string model_path(const std::string &name) { return std::string(MRUN_TEST_MODELS) + "/" + name + ".pt"; }

inline mrun::Registry &registry() {
  static mrun::Registry plugins({MRUN_TEST_PLUGINS});
  return plugins;
}
inline const mrun_backend &backend() { return *registry().backend("torch")->backend; }

// One call's surroundings.
struct Call {
  mrun::ItemContext item;
  mrun_call raw{item};
  std::string message() const { return raw.error.message; }
};

// Throws mrun::Error with what the backend said.
inline void check(Call &call, int code) {
  if (code == MRUN_OK) return;
  // The host has words of its own for these; any other code needs a message.
  const bool silent = code == MRUN_QUOTA || code == MRUN_MEMORY || code == MRUN_TIMEOUT || code == MRUN_CANCELLED;
  if (!call.raw.failed && !silent) mrun::fail(MRUN_INTERNAL, "code {} without a message", code);
  throw mrun::take_error(call.raw, code);
}

class Model {
 public:
  explicit Model(std::string bytes, Value weights = {}, Value options = {})
      : bytes_(std::move(bytes)), weights_(std::move(weights)), options_(std::move(options)) {
    mrun_model_source source{};
    source.size = sizeof source;
    source.graph = {bytes_.data(), bytes_.size()};
    source.weights = weights_.is_nil() ? nullptr : &weights_.c();
    source.options = options_.is_nil() ? nullptr : &options_.c();
    source.device = "cpu";
    Call call;
    check(call, backend().open(&call.raw, &source, &handle_));
    list();
  }
  Model(Model &&other) noexcept
      : bytes_(std::move(other.bytes_)),
        weights_(std::move(other.weights_)),
        options_(std::move(other.options_)),
        schemas(std::move(other.schemas)),
        handle_(std::exchange(other.handle_, nullptr)) {}
  Model &operator=(Model &&) = delete;
  ~Model() {
    if (handle_ != nullptr) backend().close(handle_);
  }
  Model clone() const {
    Model copy;
    Call call;
    check(call, backend().clone(&call.raw, handle_, &copy.handle_));
    copy.list();
    return copy;
  }

  size_t method(const std::string &name) const {
    for (size_t i = 0; i < schemas.size(); ++i) {
      if (schemas[i].name == name) return i;
    }
    mrun::fail(MRUN_MISSING, "no method {}", name);
  }
  uint32_t traits(const std::string &name) const { return backend().traits(handle_, method(name)); }
  // As the host calls it: arguments bound by the schema.
  std::vector<Value> call(const std::string &name, const std::vector<Value> &args, uint64_t seed = 0,
                          std::shared_ptr<mrun::Budget> budget = std::make_shared<mrun::Budget>()) const {
    Call call;
    call.item.seed = seed;
    call.item.budget = std::move(budget);
    return this->call(call, name, args);
  }
  std::vector<Value> call(Call &call, const std::string &name, const std::vector<Value> &args) const {
    const mrun::Schema &schema = schemas[method(name)];
    std::vector<mrun_value> raw;
    for (const Value &a : args) raw.push_back(a.c());
    const mrun::Arguments bound(schema, raw, {});
    std::vector<mrun_value> results(schema.results.size());
    check(call, backend().call(&call.raw, handle_, method(name), bound.values().data(), results.data()));
    std::vector<Value> out;
    for (const mrun_value &r : results) out.push_back(Value::adopt(r));
    return out;
  }

 private:
  Model() = default;
  void list() {
    for (size_t i = 0; const char *text = backend().method(handle_, i); ++i) {
      schemas.push_back(mrun::parse_schema(text));
      texts.push_back(text);
    }
  }
  std::string bytes_;
  Value weights_, options_;

 public:
  std::vector<mrun::Schema> schemas;
  std::vector<std::string> texts;

 private:
  void *handle_ = nullptr;
};

struct Split {
  std::string graph;
  Value weights;
};
inline Split split(const std::string &bytes) {
  Call call;
  Value graph, weights;
  check(call, backend().split(&call.raw, bytes.data(), bytes.size(), graph.out(), weights.out()));
  return {std::string(graph.as_tensor().bytes()), weights};
}
// As a bundle holds them: through the bytes of a safetensors file.
inline Value through_file(const Value &weights) {
  const std::string bytes = mrun::write_safetensors(mrun::named_tensors(weights));
  const Tensor file = Tensor::empty(mrun::dtype::uint8, {static_cast<int64_t>(bytes.size())});
  std::copy(bytes.begin(), bytes.end(), file.data<char>());
  return mrun::tensor_map(mrun::read_safetensors(file, "weights").tensors);
}

// ---- what make_models.py made ---------------------------------------------------------------------------------------

inline const mrun::NamedTensors &tensors() {
  static const mrun::NamedTensors all = [] {
    const std::string bytes = read_file(std::string(MRUN_TEST_MODELS) + "/tensors.safetensors");
    const Tensor file = Tensor::empty(mrun::dtype::uint8, {static_cast<int64_t>(bytes.size())});
    std::copy(bytes.begin(), bytes.end(), file.data<char>());
    return mrun::read_safetensors(file, "tensors.safetensors").tensors;
  }();
  return all;
}
// {"$": name} becomes a tensor; fresh memory, so that a call may not spoil another's.
inline Value decode(const Value &v) {
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &item : v.as_list()) items.push_back(decode(item));
    return Value::list(std::move(items));
  }
  if (!v.is_map()) return v;
  if (const Value *name = v.find("$")) {
    const Tensor &t = tensors().find(name->as_string())->second;
    const Tensor copy = Tensor::empty(t.dtype(), t.shape());
    std::copy_n(t.data<char>(), t.nbytes(), copy.data<char>());
    return copy;
  }
  std::vector<std::pair<std::string, Value>> entries;
  for (const mrun::Entry &e : v.as_map()) entries.emplace_back(e.key(), decode(e.value()));
  return Value::map(std::move(entries));
}
inline const Value &cases() {
  static const Value all = mrun::parse_json(read_file(std::string(MRUN_TEST_MODELS) + "/cases.json"));
  return all;
}

inline bool are_near(const Tensor &a, const Tensor &b, float margin) {
  return mrun::operator==(a.dtype(), mrun::dtype::float32) &&
         std::equal(a.data<float>(), a.data<float>() + a.numel(), b.data<float>(),
                    [&](float x, float y) { return std::abs(x - y) <= margin; });
}

// Nothing where they are equal to the bit, else where they differ. margin: by which float32 elements may, 0 for not at all.
inline std::string difference(const Value &got, const Value &want, float margin = 0,
                              const std::string &where = "result") {
  if (got.is_tensor() && want.is_tensor()) {
    const Tensor a = got.as_tensor().contiguous(), b = want.as_tensor().contiguous();
    if (!mrun::operator==(a.dtype(), b.dtype()) || a.shape() != b.shape()) {
      return where + ": " + mrun::describe(got.c()) + ", want " + mrun::describe(want.c());
    }
    return a.bytes() == b.bytes() || (margin > 0 && are_near(a, b, margin)) ? "" : where + ": other elements";
  }
  if (got.is_list() && want.is_list()) {
    const auto a = got.as_list(), b = want.as_list();
    if (a.size() != b.size()) return where + ": other lengths";
    std::string all;
    for (size_t i = 0; i < a.size() && all.empty(); ++i)
      all = difference(a[i], b[i], margin, where + "." + std::to_string(i));
    return all;
  }
  if (got.is_map() && want.is_map()) {
    const auto a = got.as_map(), b = want.as_map();
    if (a.size() != b.size()) return where + ": other sizes";
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i].key() != b[i].key()) return where + ": other keys";
      const std::string inner = difference(a[i].value(), b[i].value(), margin, where + "." + std::string(a[i].key()));
      if (!inner.empty()) return inner;
    }
    return "";
  }
  if (got.is_number() && want.is_number()) return got.as_number() == want.as_number() ? "" : where + ": other numbers";
  if (got.kind() != want.kind()) return where + ": " + mrun::describe(got.c()) + ", want " + mrun::describe(want.c());
  if (got.is_string()) return got.as_string() == want.as_string() ? "" : where + ": other texts";
  if (got.is_bool()) return got.as_bool() == want.as_bool() ? "" : where + ": not the same boolean";
  return "";
}

}  // namespace test
