#include "backend_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/function.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <algorithm>
#include <functional>
#include <mrun/plugin.hpp>
#include <mutex>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "aten_warnings.h"
#include "backend_code.h"
#include "backend_engine.h"
#include "backend_load.h"
#include "backend_products.h"
#include "backend_types.h"
#include "convert.h"
#include "device.h"
#include "guard.h"
#include "model_advice.h"
#include "scope.h"

namespace mrun_torch {
namespace {

using c10::IValue;

// ---- options --------------------------------------------------------------------------------------------------------

[[noreturn]] void refuse_option(const std::string &name, const char *wanted) {
  throw mrun::error(MRUN_BUNDLE, "model option " + name + ": want " + wanted);
}

std::string text_option(const std::string &name, const mrun_value &v, const char *wanted) {
  if (v.kind != MRUN_STRING) refuse_option(name, wanted);
  return {v.as.string.data, v.as.string.size};
}

bool bool_option(const std::string &name, const mrun_value &v) {
  if (v.kind != MRUN_BOOL) refuse_option(name, "true or false");
  return v.as.boolean != 0;
}

// A copy of the value with each tensor in it replaced; the model may own the lists that hold them.
template <class Replace>
IValue mapped(const IValue &v, const Replace &replace) {
  if (v.isTensor()) return v.toTensor().defined() ? replace(v.toTensor()) : v;
  if (v.isGenericDict()) {
    auto dict = v.toGenericDict().copy();
    for (const auto &entry : dict) entry.setValue(mapped(entry.value(), replace));
    return dict;
  }
  if (v.isTuple()) {
    std::vector<IValue> items;
    for (const IValue &item : v.toTupleRef().elements()) items.push_back(mapped(item, replace));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (!v.isList()) return v;
  auto list = v.toList().copy();
  for (size_t i = 0; i < list.size(); ++i) list.set(i, mapped(list.get(i), replace));
  return list;
}

// ---- copies ---------------------------------------------------------------------------------------------------------

// Copies a module's objects and containers; tensors are shared but for those whose memory is in `written`.
class Copier {
 public:
  explicit Copier(const std::vector<at::Tensor> &written) {
    for (const at::Tensor &t : written) {
      if (t.has_storage()) copies_.emplace(t.storage().unsafeGetStorageImpl(), c10::Storage());
    }
  }

  c10::intrusive_ptr<c10::ivalue::Object> object(const c10::intrusive_ptr<c10::ivalue::Object> &o) {
    const auto known = objects_.find(o.get());
    if (known != objects_.end()) return known->second;
    const size_t slots = o->slots().size();
    auto copy = c10::ivalue::Object::create(c10::StrongTypePtr(o->compilation_unit(), o->type()), slots);
    objects_.emplace(o.get(), copy);
    for (size_t i = 0; i < slots; ++i) copy->setSlot(i, value(o->getSlot(i)));
    return copy;
  }

 private:
  IValue value(const IValue &v) {
    if (v.isTensor()) return v.toTensor().defined() ? IValue(tensor(v.toTensor())) : v;
    if (v.isTuple()) {
      std::vector<IValue> items;
      for (const IValue &item : v.toTupleRef().elements()) items.push_back(value(item));
      return c10::ivalue::Tuple::create(std::move(items));
    }
    if (v.isList()) {
      const auto list = v.toList();
      c10::impl::GenericList copy(list.elementType());
      for (const IValue &item : v.toListRef()) copy.push_back(value(item));
      return copy;
    }
    if (v.isGenericDict()) {
      const auto dict = v.toGenericDict();
      c10::impl::GenericDict copy(dict.keyType(), dict.valueType());
      for (const auto &entry : dict) copy.insert(entry.key(), value(entry.value()));
      return copy;
    }
    if (v.isObject() && !v.isCustomClass()) return object(v.toObject());
    return v;
  }
  at::Tensor tensor(const at::Tensor &t) {
    if (!t.has_storage()) return t;
    const auto found = copies_.find(t.storage().unsafeGetStorageImpl());
    if (found == copies_.end()) return t;
    if (!found->second) {
      const auto bytes = static_cast<int64_t>(t.storage().nbytes());
      at::Tensor all = at::empty({0}, t.options().dtype(c10::kByte)).set_(t.storage(), 0, {bytes}, {1});
      found->second = all.clone().storage();
    }
    return at::empty({0}, t.options()).set_(found->second, t.storage_offset(), t.sizes(), t.strides());
  }

  std::unordered_map<const c10::StorageImpl *, c10::Storage> copies_;  // empty: not yet
  std::unordered_map<const c10::ivalue::Object *, c10::intrusive_ptr<c10::ivalue::Object>> objects_;
};

// Adds the tensors that an attribute path "self.a.b" holds: of all that the last name there leads to.
void add_tensors(const torch::jit::Module &module, const std::string &path, std::vector<at::Tensor> &tensors) {
  IValue at = module._ivalue();
  std::istringstream names(path);
  std::string name;
  std::getline(names, name, '.');  // self
  while (std::getline(names, name, '.') && at.isObject() && at.toObjectRef().type()->findAttributeSlot(name)) {
    at = at.toObjectRef().getAttr(name);
  }
  std::unordered_set<const void *> seen;  // objects may refer to each other
  at.visit([&](const IValue &v) {
    if (v.isTensor() && v.toTensor().defined()) tensors.push_back(v.toTensor());
    return v.isCustomClass() || (v.isObject() && !seen.insert(&v.toObjectRef()).second);
  });
}

// ---- what a model was given -----------------------------------------------------------------------------------------

// "float32 [1, 3, 224]"
std::string tensor_text(const at::Tensor &t) {
  if (!t.defined()) return "nothing";
  std::string sizes;
  for (const int64_t n : t.sizes()) sizes += (sizes.empty() ? "" : ", ") + std::to_string(n);
  return std::string(dtype_name(t.scalar_type())) + " [" + sizes + "]";
}

std::string value_text(const IValue &v) {
  if (v.isNone()) return "nil";
  if (v.isTensor()) return tensor_text(v.toTensor());
  if (v.isInt()) return std::to_string(v.toInt());
  if (v.isBool()) return v.toBool() ? "true" : "false";
  if (v.isDouble()) return "a number";
  if (v.isString()) return "a string";
  if (v.isList()) return "a list of " + std::to_string(v.toListRef().size());
  return v.isGenericDict() ? "a table" : "a value";
}

// "(float32 [1, 3, 224], nil)"
std::string given_text(const std::vector<IValue> &inputs) {
  std::string text;
  for (const IValue &v : inputs) text += (text.empty() ? "" : ", ") + value_text(v);
  return "(" + text + ")";
}

// The dtype of its weights; what most have, where there are none or they became constants.
c10::ScalarType computes_in(const torch::jit::Module &module) {
  for (const Place &p : places_of(module)) {
    if (p.tensor.is_floating_point()) return p.tensor.scalar_type();
  }
  return c10::kFloat;
}

// ---- results --------------------------------------------------------------------------------------------------------

// Which tensors of a result are the method's own: nothing but the result refers to them or to their memory.
class Sharing {
 public:
  explicit Sharing(const IValue &result) {
    result.visit([this](const IValue &v) {
      if (v.isTensor() && v.toTensor().defined() && v.toTensor().has_storage()) {
        tensors_.push_back(v.toTensor().unsafeGetTensorImpl());
      }
      return false;
    });
    std::sort(tensors_.begin(), tensors_.end());
    for (auto first = tensors_.begin(); first != tensors_.end();) {
      const auto end = std::upper_bound(first, tensors_.end(), *first);
      if (c10::raw::intrusive_ptr::use_count(*first) > static_cast<size_t>(end - first)) {
        lent_.push_back((*first)->unsafe_storage().unsafeGetStorageImpl());
      }
      first = end;
    }
  }
  bool shared(const at::Tensor &t) const {
    if (!t.has_storage()) return false;
    const auto same = std::equal_range(tensors_.begin(), tensors_.end(), t.unsafeGetTensorImpl());
    if (t.use_count() > static_cast<size_t>(same.second - same.first)) return true;
    size_t here = 0;  // tensors of the result with this memory
    const c10::StorageImpl *memory = t.storage().unsafeGetStorageImpl();
    if (std::find(lent_.begin(), lent_.end(), memory) != lent_.end()) return true;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (i > 0 && tensors_[i] == tensors_[i - 1]) continue;
      here += tensors_[i]->unsafe_storage().unsafeGetStorageImpl() == memory;
    }
    return t.storage().use_count() > here;
  }

 private:
  std::vector<c10::TensorImpl *> tensors_;  // by address, as often as they occur
  std::vector<const c10::StorageImpl *>
      lent_;  // of those to which more than the result refers: whoever calls, a weight
};

// Operators without a generator argument draw from libtorch's own one: one call at a time, seeded by the item.
std::mutex random_mutex;

}  // namespace

ModelOptions ModelOptions::from(const mrun_value *map) {
  ModelOptions o;
  for (size_t i = 0; map != nullptr && map->kind == MRUN_MAP && i < map->as.map.size; ++i) {
    const mrun_entry &e = map->as.map.items[i];
    const std::string name(e.key.data, e.key.size);
    if (name == "freeze") {
      o.freeze = bool_option(name, e.value);
    } else if (name == "stateful") {
      o.stateful = bool_option(name, e.value);
    } else if (name == "memory_format") {
      const char *wanted = "\"channels_last\" or \"contiguous\"";
      const std::string format = text_option(name, e.value, wanted);
      if (format != "channels_last" && format != "contiguous") refuse_option(name, wanted);
      o.channels_last = format == "channels_last";
    } else if (name == "training") {
      o.training = bool_option(name, e.value);
    } else if (name == "quantized_engine") {
      o.quantized_engine = text_option(name, e.value, "the engine's name");
    } else if (name != "backend" && name != "file") {
      throw mrun::error(MRUN_BUNDLE,
                        "there is no model option " + name +
                            "; the torch backend has freeze, memory_format, quantized_engine, stateful, training; "
                            "every model has file, backend, batch");
    }
  }
  if (o.freeze && o.stateful) throw mrun::error(MRUN_BUNDLE, "model options freeze and stateful exclude each other");
  return o;
}

std::unique_ptr<Model> Model::open(mrun_call *call, const mrun_model_source &source) {
  const ModelOptions options = ModelOptions::from(source.options);
  // Before it is read: weights are laid out as the engine wants them.
  std::shared_ptr<const void> engine =
      options.quantized_engine.empty() ? nullptr : hold_engine(options.quantized_engine);
  const c10::Device device = device_of(source.device != nullptr ? source.device : "cpu", MRUN_USAGE);
  torch::jit::Module module = load_module(call, source.graph.data, source.graph.size, source.weights);
  std::unique_ptr<Model> model(new Model(std::move(module), device, options));
  if (!engine && model->is_quantized()) engine = hold_own_engine();
  model->engine_ = std::move(engine);
  model->refuse_state();
  return model;
}

namespace {

// libtorch ends the process where what a fork runs needs nothing that it is given: it would become a constant.
void refuse_constant_forks(const torch::jit::Method &method) {
  const Code code(method);
  for (const torch::jit::Node *n : code.nodes()) {
    if (n->kind() != c10::prim::fork) continue;
    const auto body = code.called(n)->copy();
    torch::jit::EliminateDeadCode(body);
    const auto given = body->inputs();
    const bool needs = std::any_of(given.begin(), given.end(), [](const torch::jit::Value *v) {
      return v->hasUses() && v->type()->kind() != c10::TypeKind::ClassType;
    });
    if (needs) continue;
    throw mrun::error(MRUN_BUNDLE, "model option freeze: in method " + method.name() +
                                       " a torch.jit.fork runs what needs no argument, which libtorch cannot freeze; "
                                       "leave freeze out");
  }
}

// What torch::jit::freeze does, of each method: that wants a forward, and makes that alone faster.
torch::jit::Module frozen(torch::jit::Module module, bool training) {
  std::vector<std::string> names;
  for (const torch::jit::Method &m : module.get_methods()) {
    if (m.name().rfind('_', 0) == 0) continue;
    refuse_constant_forks(m);
    names.push_back(m.name());
  }
  if (!training && module.hasattr("training")) module.eval();
  module = torch::jit::freeze_module(module, names);
  Products products;
  for (const std::string &name : names) {
    std::shared_ptr<torch::jit::Graph> graph = module.get_method(name).graph();
    torch::jit::OptimizeFrozenGraph(graph);
    products.lay_out(graph->block());
  }
  return module;
}

bool has_autocast(const torch::jit::Method &method) {
  const Code code(method);
  return std::any_of(code.nodes().begin(), code.nodes().end(), [](const torch::jit::Node *n) {
    if (n->kind() != c10::prim::Enter) return false;
    const auto type = n->input(0)->type()->cast<c10::ClassType>();
    return type && type->name() && type->name()->name() == "autocast";
  });
}

// `with torch.autocast(...)` does nothing by itself: the optimizer writes its conversions into the code, and that is off
// where no profiling is (run).
void write_autocast(const torch::jit::Module &module) {
  for (const torch::jit::Method &m : module.get_methods()) {
    if (!has_autocast(m)) continue;
    std::shared_ptr<torch::jit::Graph> graph = m.graph();
    torch::jit::preoptimizeGraph(graph);
  }
}

}  // namespace

Model::Model(torch::jit::Module module, c10::Device device, const ModelOptions &options)
    : module_(std::move(module)), device_(device), options_(options) {
  if (!device_.is_cpu()) module_.to(device_);
  if (options_.channels_last) {
    for (const Place &p : places_of(module_)) {
      if (p.tensor.dim() == 4 && p.tensor.is_floating_point()) {
        p.tensor.set_data(p.tensor.contiguous(c10::MemoryFormat::ChannelsLast));
      }
    }
  }
  write_autocast(module_);
  if (options_.freeze) module_ = frozen(module_, options_.training);
  list_methods();
}

void Model::list_methods() {
  std::vector<torch::jit::Method> open;
  for (const torch::jit::Method &m : module_.get_methods()) {
    if (m.name().rfind('_', 0) != 0) open.push_back(m);
  }
  const std::vector<Effects> effects = effects_of(module_, open);
  for (size_t i = 0; i < open.size(); ++i) {
    const c10::FunctionSchema &schema = open[i].function().getSchema();
    methods_.push_back({schema_text(schema), open[i], effects[i], result_shape(schema)});
  }
  std::stable_partition(methods_.begin(), methods_.end(), [](const Method &m) { return m.code.name() == "forward"; });
}

bool Model::is_quantized() const {
  return std::any_of(methods_.begin(), methods_.end(), [](const Method &m) { return m.effects.quantized; });
}

void Model::refuse_state() const {
  for (const Method &m : methods_) {
    for (const std::string &what : m.effects.written) {
      if (what.rfind("self", 0) != 0) {
        throw mrun::error(MRUN_BUNDLE,
                          "method " + m.code.name() + " writes " + what + ", so that one call would change the next");
      }
      if (options_.stateful) continue;
      if (m.effects.training && !options_.training) {
        throw mrun::error(MRUN_BUNDLE, "the model was saved in training mode, in which method " + m.code.name() +
                                           " writes " + what + ": call eval() on it before it is scripted or traced");
      }
      throw mrun::error(MRUN_BUNDLE,
                        "method " + m.code.name() + " writes " + what +
                            ", so that one item would change the next: say stateful = true in [models.NAME] "
                            "to give each item its own copy");
    }
  }
}

std::unique_ptr<Model> Model::clone() const {
  std::vector<at::Tensor> written;
  for (const Method &m : methods_) {
    for (const std::string &path : m.effects.written) add_tensors(module_, path, written);
  }
  std::unique_ptr<Model> copy(new Model(*this));
  copy->module_ = torch::jit::Module(Copier(written).object(module_._ivalue()));
  for (Method &m : copy->methods_) m.code = copy->module_.get_method(m.code.name());
  return copy;
}

const char *Model::method(size_t index) const {
  return index < methods_.size() ? methods_[index].schema.c_str() : nullptr;
}

uint32_t Model::traits(size_t index) const {
  if (index >= methods_.size()) return 0;
  const Effects &e = methods_[index].effects;
  uint32_t traits = 0;
  if (e.random) traits |= MRUN_MODEL_RANDOM;
  if (options_.stateful) traits |= MRUN_MODEL_STATEFUL;
  if (e.training && !options_.training) traits |= MRUN_MODEL_TRAINING;
  return traits;
}

// An input where and how the model wants it.
IValue Model::placed(const IValue &v, const Method &m) const {
  const bool as_is = device_.is_cpu() && !options_.channels_last && !m.effects.writes_inputs;
  if (as_is) return v;
  return mapped(v, [&](const at::Tensor &given) {
    at::Tensor t = given.device() == device_ ? given : given.to(device_);
    if (options_.channels_last && t.dim() == 4 && t.is_floating_point()) {
      t = t.contiguous(c10::MemoryFormat::ChannelsLast);
    }
    return m.effects.writes_inputs && t.is_alias_of(given) ? t.clone() : t;
  });
}

// Scripts and plugins see tensors of the CPU alone, and only these are joined to batches.
IValue Model::on_cpu(IValue v) const {
  if (device_.is_cpu()) return v;
  return mapped(v, [](const at::Tensor &t) { return t.to(c10::kCPU); });
}

namespace {

// What a fork runs, runs at once, on this thread: it draws its random numbers in an order that does not depend on timing, and what
// it allocates is charged.
void run_with_forks(const torch::jit::Method &code, std::vector<IValue> &stack) {
  stack.insert(stack.begin(), code.owner()._ivalue());
  const auto result = code.function().runAsync(stack, [](const std::function<void()> &task) { task(); });
  result->wait();
  stack = {result->value()};
}

}  // namespace

// Without profiling: its specialized code differs in the last bits, and from which call on would depend on timing.
void Model::run(const Method &m, std::vector<IValue> &stack, const std::vector<IValue> &inputs) const {
  const torch::jit::GraphOptimizerEnabledGuard no_profiling(false);
  try {
    if (m.effects.forks) {
      run_with_forks(m.code, stack);
    } else {
      m.code.run(stack);
    }
  } catch (...) {
    mrun::error e = current_error(MRUN_MODEL);
    if (e.code == MRUN_MODEL && !inputs.empty()) {
      const std::string advice = model_advice(e.text, inputs, computes_in(module_));
      e.text += "; the model was given " + given_text(inputs) + advice;
    }
    throw e;
  }
}

void Model::call(mrun_call *call, size_t index, const mrun_value *args, mrun_value *results) const {
  if (index >= methods_.size()) throw mrun::error(MRUN_USAGE, "the model has no method " + std::to_string(index));
  const Method &m = methods_[index];
  const c10::FunctionSchema &schema = m.code.function().getSchema();
  const Warnings warnings(call);
  std::vector<IValue> stack;
  stack.reserve(schema.arguments().size());
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    stack.push_back(placed(to_ivalue(call, args[i - 1], schema.arguments()[i]), m));
  }
  const std::vector<IValue> inputs = stack;  // what a result shares with them has to be seen
  std::unique_lock<std::mutex> lock(random_mutex, std::defer_lock);
  if (m.effects.random) {
    uint64_t seed = 0;
    mrun::check(mrun::host->seed(call, 0, &seed));
    lock.lock();
    at::Generator generator = at::globalContext().defaultGenerator(device_);
    generator.set_current_seed(seed);
  }
  run(m, stack, inputs);
  const IValue result = on_cpu(std::move(stack.at(0)));
  stack.clear();
  const Sharing sharing(result);
  const auto is_shared = [&](const at::Tensor &t) { return sharing.shared(t); };
  if (!m.results.several) {
    if (m.results.count == 1) results[0] = from_ivalue(call, result, is_shared, m.results.named);
    return;
  }
  const auto &elements = result.toTupleRef().elements();
  for (size_t i = 0; i < m.results.count; ++i) {
    results[i] = from_ivalue(call, elements[i], is_shared, m.results.named);
  }
}

}  // namespace mrun_torch
