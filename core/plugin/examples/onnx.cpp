// A model backend over an engine of someone else: files "*.onnx", run by ONNX Runtime on the CPU. onnx.md is its page.
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>
#include <mrun/plugin_backend.hpp>

#include <algorithm>
#include <iostream>

namespace {

struct Element {
  ONNXTensorElementDataType onnx;
  DLDataType dtype;
  const char *name;
};
constexpr Element elements[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, mrun::float32, "float32"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, mrun::float64, "float64"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, mrun::float16, "float16"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, {kDLBfloat, 16, 1}, "bfloat16"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, mrun::int64, "int64"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, mrun::int32, "int32"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, mrun::int16, "int16"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, mrun::int8, "int8"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, {kDLUInt, 64, 1}, "uint64"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, {kDLUInt, 32, 1}, "uint32"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, {kDLUInt, 16, 1}, "uint16"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, mrun::uint8, "uint8"},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, mrun::boolean, "bool"},
};

std::string name_of(DLDataType t) {
  for (const Element &e : elements) {
    if (mrun::same(e.dtype, t)) return e.name;
  }
  return "a dtype that ONNX Runtime does not have";
}

const Element &element_of(ONNXTensorElementDataType type, const std::string &what) {
  for (const Element &e : elements) {
    if (e.onnx == type) return e;
  }
  throw mrun::error(MRUN_MODEL,
                    what + ": tensors of its type (number " + std::to_string(type) + " in ONNX) are not supported");
}

// What ONNX Runtime throws, as an error of the model.
template <class F>
auto guarded(const char *what, F &&body) {
  try {
    return body();
  } catch (const Ort::Exception &e) {
    std::string text = e.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    throw mrun::error(MRUN_MODEL, std::string("ONNX Runtime cannot ") + what + ": " + text);
  }
}

// An input or an output of a model.
struct Port {
  std::string name;        // the model's: anything
  std::string identifier;  // the schema's
  const Element *element;
  std::vector<int64_t> shape;  // -1: any size. Empty: a scalar, or of a rank that is not known
};

std::string shape_text(const std::vector<int64_t> &shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : ", ") + (size < 0 ? "any" : std::to_string(size));
  return "[" + text + "]";
}

// "input.1" is "input_1"; of two that would be called alike the second gets a number.
std::string identifier_of(const std::string &name, const std::vector<Port> &before) {
  std::string made;
  for (const char c : name) made += (std::isalnum(static_cast<unsigned char>(c)) && c > 0) ? c : '_';
  if (made.empty() || !std::isalpha(static_cast<unsigned char>(made[0]))) made.insert(0, "t_");
  const std::string first = made;
  const auto taken = [&](const Port &p) { return p.identifier == made; };
  for (int n = 2; std::any_of(before.begin(), before.end(), taken); ++n) made = first + "_" + std::to_string(n);
  return made;
}

void add_port(std::vector<Port> &ports, const char *kind, std::string name, const Ort::TypeInfo &type) {
  const std::string what = std::string(kind) + " " + name;
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) throw mrun::error(MRUN_MODEL, what + ": only tensors are supported");
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  std::string identifier = identifier_of(name, ports);
  ports.push_back(
      {std::move(name), std::move(identifier), &element_of(tensor.GetElementType(), what), tensor.GetShape()});
}

std::string tensors_of(const std::vector<Port> &ports) {
  std::string text;
  for (const Port &p : ports) text += (text.empty() ? "Tensor " : ", Tensor ") + p.identifier;
  return "(" + text + ")";
}

std::vector<const char *> names_of(const std::vector<Port> &ports) {
  std::vector<const char *> names;
  for (const Port &p : ports) names.push_back(p.name.c_str());
  return names;
}

bool fits(const Port &port, const mrun::tensor &t) {
  if (!t.is(port.element->dtype)) return false;
  if (port.shape.empty()) return true;  // ONNX Runtime knows better
  const auto one = [](int64_t wanted, int64_t size) { return wanted < 0 || wanted == size; };
  const std::vector<int64_t> shape = t.shape();
  return std::equal(port.shape.begin(), port.shape.end(), shape.begin(), shape.end(), one);
}

// A tensor as ONNX Runtime takes it: row-major, on the CPU.
mrun::tensor taken(const mrun::call &c, const Port &port, const mrun_value &given) {
  const mrun::tensor t(c, given);
  if (!t.on_cpu()) throw mrun::error(MRUN_MODEL, port.identifier + ": want a tensor on the CPU");
  if (fits(port, t)) return t.contiguous(c);
  std::string text = port.identifier + ": want " + port.element->name;
  if (!port.shape.empty()) text += " " + shape_text(port.shape);
  text += ", got " + name_of(t.dtype()) + " " + shape_text(t.shape());
  if (!port.shape.empty() && port.shape[0] == 1 && t.dim() > 0 && t.size(0) > 1)
    text += " (a model that takes one row at a time wants max_size = 1 in [batch])";
  throw mrun::error(MRUN_MODEL, text);
}

Ort::Value ort_value(const Ort::MemoryInfo &cpu, const Port &port, const mrun::tensor &t) {
  static char none;  // where an empty tensor is, ONNX Runtime wants an address all the same
  const std::vector<int64_t> shape = t.shape();
  const size_t bytes = static_cast<size_t>(t.numel()) * t.item_size();
  return Ort::Value::CreateTensor(cpu, bytes == 0 ? &none : t.data(), bytes, shape.data(), shape.size(),
                                  port.element->onnx);
}

// An output that ONNX Runtime allocated, as DLPack: its memory goes back when the last holder lets it go, be the model closed or not.
struct Output {
  std::shared_ptr<Ort::Session> session;
  Ort::Value value;
  std::vector<int64_t> shape;
  DLManagedTensor managed;
};

mrun::tensor given(const mrun::call &c, const Port &port, std::shared_ptr<Ort::Session> session, Ort::Value value) {
  if (!value.IsTensor()) throw mrun::error(MRUN_MODEL, port.identifier + ": the model gave no tensor");
  const auto info = value.GetTensorTypeAndShapeInfo();
  auto out = std::make_unique<Output>(Output{std::move(session), std::move(value), info.GetShape(), {}});
  DLTensor &dl = out->managed.dl_tensor;
  dl.data = out->value.GetTensorMutableRawData();
  dl.device = {kDLCPU, 0};
  dl.ndim = static_cast<int32_t>(out->shape.size());
  dl.dtype = element_of(info.GetElementType(), port.identifier).dtype;
  dl.shape = out->shape.data();
  out->managed.manager_ctx = out.get();
  out->managed.deleter = [](DLManagedTensor *t) { std::unique_ptr<Output>(static_cast<Output *>(t->manager_ctx)); };
  return mrun::tensor::give(c, &out.release()->managed);
}

// y = x, a whole model.
constexpr std::string_view smallest =
    "\x08\x08\x3a\x2b\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\x12\x01g"
    "\x5a\x09\x0a\x01x\x12\x04\x0a\x02\x08\x01\x62\x09\x0a\x01y\x12\x04\x0a\x02\x08\x01\x42\x02\x10\x11";

// Nothing is logged: what goes wrong is thrown. Debian's ONNX Runtime uses a libonnx that has registered the operators by itself
// already, and says so of each on std::cerr when the first model is opened.
Ort::Env make_environment() {
  struct Quiet {
    std::streambuf *const before = std::cerr.rdbuf(nullptr);
    ~Quiet() { std::cerr.rdbuf(before); }
  } quiet;
  Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "mrun");
  Ort::SessionOptions how;
  how.SetIntraOpNumThreads(1);
  const Ort::Session first(env, smallest.data(), smallest.size(), how);
  return env;
}

Ort::Env &environment() {
  static Ort::Env env = make_environment();
  return env;
}

GraphOptimizationLevel optimization(const mrun::model_source &source) {
  const std::pair<const char *, GraphOptimizationLevel> levels[] = {{"none", ORT_DISABLE_ALL},
                                                                    {"basic", ORT_ENABLE_BASIC},
                                                                    {"extended", ORT_ENABLE_EXTENDED},
                                                                    {"all", ORT_ENABLE_ALL}};
  const auto wanted = source.option<std::string>("optimization", "all");
  for (const auto &[name, level] : levels) {
    if (wanted == name) return level;
  }
  throw mrun::error(MRUN_ARGUMENT, "optimization: want none, basic, extended or all, got " + wanted);
}

class Model {
 public:
  Model(const mrun::call &c, const mrun::model_source &source) {
    if (source.device() != std::string_view("cpu"))
      throw mrun::error(MRUN_MODEL, std::string("ONNX models run on the CPU here, not on ") + source.device());
    guarded("open this model", [&] {
      const Ort::SessionOptions how = options(c, source);
      session_ = std::make_shared<Ort::Session>(environment(), source.file().data(), source.file().size(), how);
      list_ports();
    });
    schema_ = "forward" + tensors_of(inputs_) + " -> " + tensors_of(outputs_);
  }
  const char *schema(size_t method) const { return method == 0 ? schema_.c_str() : nullptr; }

  std::vector<mrun::value> run(const mrun::call &c, size_t, const mrun_value *args) const {
    std::vector<mrun::tensor> tensors;  // kept until the run is over
    for (size_t i = 0; i < inputs_.size(); ++i) tensors.push_back(taken(c, inputs_[i], args[i]));
    c.poll();
    std::vector<mrun::value> results;
    guarded("run this model", [&] {
      std::vector<Ort::Value> outputs = run_session(tensors);
      c.poll();
      for (size_t i = 0; i < outputs.size(); ++i)
        results.push_back(given(c, outputs_[i], session_, std::move(outputs[i])));
    });
    return results;
  }

 private:
  Ort::SessionOptions options(const mrun::call &c, const mrun::model_source &source) {
    Ort::SessionOptions how;
    how.SetIntraOpNumThreads(c.threads());
    how.SetInterOpNumThreads(1);
    how.SetDeterministicCompute(true);
    how.SetGraphOptimizationLevel(optimization(source));
    how.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
    add_files(how, source);
    return how;
  }

  // External weights are the model's further files (the bundle's folder model/NAME/). Where ONNX Runtime has a table of files it looks
  // nowhere else: the entry without a name is there so that it always has one, and no model can name a file of this machine.
  void add_files(Ort::SessionOptions &how, const mrun::model_source &source) {
    static char none;
    std::vector<std::string> names{""};
    std::vector<char *> data{&none};
    std::vector<size_t> sizes{0};
    for (const std::string &name : source.files()) {
      const mrun::tensor &file = weights_.emplace_back(source.map(name.c_str()));
      names.push_back(name);
      data.push_back(file.data<char>());
      sizes.push_back(static_cast<size_t>(file.numel()));
    }
    how.AddExternalInitializersFromFilesInMemory(names, data, sizes);
  }

  void list_ports() {
    const Ort::AllocatorWithDefaultOptions names;
    for (size_t i = 0; i < session_->GetInputCount(); ++i)
      add_port(inputs_, "input", session_->GetInputNameAllocated(i, names).get(), session_->GetInputTypeInfo(i));
    for (size_t i = 0; i < session_->GetOutputCount(); ++i)
      add_port(outputs_, "output", session_->GetOutputNameAllocated(i, names).get(), session_->GetOutputTypeInfo(i));
  }

  std::vector<Ort::Value> run_session(const std::vector<mrun::tensor> &tensors) const {
    const Ort::MemoryInfo cpu = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
    std::vector<Ort::Value> values;
    for (size_t i = 0; i < tensors.size(); ++i) values.push_back(ort_value(cpu, inputs_[i], tensors[i]));
    const std::vector<const char *> in = names_of(inputs_), out = names_of(outputs_);
    return session_->Run(Ort::RunOptions{nullptr}, in.data(), values.data(), values.size(), out.data(), out.size());
  }

  std::vector<mrun::tensor> weights_;  // mappings, used by the session
  std::shared_ptr<Ort::Session> session_;
  std::vector<Port> inputs_, outputs_;
  std::string schema_;
};

}  // namespace

MRUN_PLUGIN("onnx", "1.0.0", "Opens ONNX models with ONNX Runtime.") {
  environment();  // it reads what the processor can: before a worker process is locked up
  mrun::backend<Model>(*this, "onnx", ".onnx").parallel();
}
