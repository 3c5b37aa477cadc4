#include "exec/batch/split.h"

#include <algorithm>

#include "base/error.h"
#include "exec/batch/apart.h"
#include "plugin/registry.h"
#include "value/map_tensors.h"
#include "value/object.h"

namespace mrun {
namespace {

struct Splitter {
  const Schema &schema;
  const BatchConfig &config;
  const Batch &batch;

  // The length that call `index` had in the argument that `unpad` names, which is padded (check_unpad): in the dimension
  // that is cut, where the argument is padded there too, as the width of a picture is.
  int64_t real_length(const Unpad &unpad, size_t index, const std::string &name) const {
    for (size_t i = 0; i < schema.parameters.size(); ++i) {
      if (schema.parameters[i].name != unpad.like) continue;
      const Value &argument = batch.calls[index][i];
      const std::vector<int64_t> &dims = config.pad.at(unpad.like).dims;
      const bool same = std::ranges::find(dims, unpad.dim) != dims.end();
      const auto d = static_cast<int32_t>(same ? unpad.dim : dims.at(0));
      if (argument.is_tensor() && d < argument.as_tensor().dim()) return argument.as_tensor().size(d);
      fail(MRUN_MODEL, "[batch] unpad.{}: like: want the argument {} as a tensor with a dimension {}, got {}", name,
           unpad.like, d, describe(argument.c()));
    }
    fail(MRUN_MODEL, "[batch] unpad.{}: like: {} has no argument named {}", name, schema.name, unpad.like);
  }

  // By its name in the schema, its place, or a Dict's key.
  const Unpad *unpad_of(const std::string &name) const {
    if (config.unpad.empty()) return nullptr;
    const auto own = config.unpad.find(name);
    if (own != config.unpad.end()) return &own->second;
    const auto number = schema.find_result(name);
    if (!number) return nullptr;
    const auto named = config.unpad.find(schema.result_names[*number]);
    return named == config.unpad.end() ? nullptr : &named->second;
  }

  bool left(const Unpad &unpad) const {
    const auto pad = config.pad.find(unpad.like);
    return pad != config.pad.end() && pad->second.left;
  }

  Tensor cut(const Tensor &t, const Unpad &unpad, size_t index, const std::string &name) const {
    const auto d = static_cast<size_t>(unpad.dim);
    Shape shape = t.shape();
    const int64_t n = real_length(unpad, index, name);
    if (d >= shape.size() || n > shape[d]) {
      fail(MRUN_MODEL,
           "[batch] unpad.{}: cannot cut {} to {} in dimension {}, the length of {}; what {} gives of another length "
           "is cut in the script",
           name, describe(t.c()), n, d, unpad.like, schema.name);
    }
    const int64_t offset = left(unpad) ? (shape[d] - n) * t.strides()[d] : 0;
    shape[d] = n;
    return t.view(shape, t.strides(), offset);
  }

  // Of one with strides (split).
  Tensor rows(const Tensor &t, size_t index) const {
    const std::span<const int64_t> strides(t.dl().strides, static_cast<size_t>(t.dim()));
    const int64_t offset = batch.first[index] * strides[0];
    if (config.mode == BatchConfig::Mode::stack) {
      return t.view(std::span(t.dl().shape, strides.size()).subspan(1), strides.subspan(1), offset);
    }
    Shape shape = t.shape();
    shape[0] = batch.rows[index];
    return t.view(shape, strides, offset);
  }

  Tensor part(const Tensor &t, size_t index, const std::string &name, const Unpad *unpad) const {
    if (t.dim() == 0 || t.size(0) != batch.total) {
      fail(MRUN_MODEL,
           "{}: the result {} is {}: want the batch of {} in dimension 0; if this model returns something else, set "
           "[batch] mode = \"none\"",
           schema.name, name, describe(t.c()), batch.total);
    }
    Tensor own = rows(t, index);
    return unpad == nullptr ? std::move(own) : cut(own, *unpad, index, name);
  }

  // of_list: how the list that holds it is cut, if it is: so are its items.
  Value one(const Value &v, size_t index, const std::string &name, const Unpad *of_list = nullptr) const {
    const Unpad *own = unpad_of(name), *unpad = own != nullptr ? own : of_list;
    if (v.is_tensor()) return part(v.as_tensor(), index, name, unpad);
    if (v.is_list()) {
      std::vector<Value> items;
      for (size_t i = 0; i < v.as_list().size(); ++i) {
        items.push_back(one(v.as_list()[i], index, fmt::format("{}[{}]", name, i + 1), unpad));
      }
      return Value::list(std::move(items));
    }
    if (v.is_map()) {
      std::vector<std::pair<std::string, Value>> entries;
      for (const Entry &e : v.as_map())
        entries.emplace_back(std::string(e.key()), one(e.value(), index, std::string(e.key())));
      return Value::map(std::move(entries));
    }
    if (!v.is_nil() && batch.rows[index] != batch.total) {
      fail(MRUN_MODEL,
           "{}: the result {} is {}, which cannot be cut into the parts of a batch of {}: set [batch] mode = \"none\"",
           schema.name, name, describe(v.c()), batch.total);
    }
    return v;
  }
};

// With strides, and what every part of it can hold on to.
Tensor whole_view(const Tensor &t) { return t.view(t.shape(), t.strides(), 0); }

}  // namespace

std::vector<Value> with_tensors(const BatchConfig &config, Registry *registry, std::vector<Value> results,
                                BatchContext &context) {
  if (config.mode == BatchConfig::Mode::none) return results;
  mrun_call call(context.item());
  call.registry = registry;
  call.batch = context.batch();
  const auto tensor_for = [&call](const Value &leaf) -> Value {
    const bool stands_for_one = leaf.kind() == MRUN_OBJECT && leaf.c().as.object->type->to_tensor != nullptr;
    return stands_for_one ? Value(tensor_of(*leaf.c().as.object, call)) : leaf;
  };
  for (Value &v : results) v = map_leaves(v, tensor_for);
  return results;
}

std::vector<std::vector<Value>> split(const Schema &schema, const BatchConfig &config, const Batch &batch,
                                      const std::vector<Value> &given, const std::shared_ptr<Budget> &budget) {
  if (config.mode == BatchConfig::Mode::none) return {given};
  const Splitter splitter{schema, config, batch};
  std::vector<Value> results = batch.calls.size() > 1 ? rows_apart(given, budget) : given;
  for (Value &v : results) v = map_tensors(v, whole_view);
  std::vector<std::vector<Value>> calls(batch.calls.size());
  for (size_t index = 0; index < calls.size(); ++index) {
    calls[index].reserve(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      calls[index].push_back(splitter.one(results[i], index, std::to_string(i + 1)));
    }
  }
  return calls;
}

void check_unpad(const Schema &schema, const BatchConfig &config) {
  for (const auto &[name, unpad] : config.unpad) {
    const auto parameter = std::find_if(schema.parameters.begin(), schema.parameters.end(),
                                        [&like = unpad.like](const Parameter &p) { return p.name == like; });
    if (parameter == schema.parameters.end()) {
      fail(MRUN_BUNDLE, "bundle.toml:{}: [batch] unpad.{}: like: {} has no argument named {}", unpad.line, name,
           schema.name, unpad.like);
    }
    if (parameter->type.base != Base::tensor || parameter->type.list) {
      fail(MRUN_BUNDLE, "bundle.toml:{}: [batch] unpad.{}: like: want a padded tensor argument, {} is of type {}",
           unpad.line, name, unpad.like, parameter->type.text());
    }
    if (config.pad.count(unpad.like) == 0) {
      fail(MRUN_BUNDLE, "bundle.toml:{}: [batch] unpad.{}: like: the argument {} is not padded: want it in [batch] pad",
           unpad.line, name, unpad.like);
    }
  }
}

}  // namespace mrun
