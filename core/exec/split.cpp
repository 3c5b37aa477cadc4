#include "exec/split.h"

#include "base/error.h"

namespace mrun {
namespace {

struct Splitter {
  const Schema &schema;
  const BatchConfig &config;
  const Batch &batch;

  int64_t total_rows() const {
    int64_t n = 0;
    for (int64_t r : batch.rows) n += r;
    return n;
  }

  // The length that call `index` had in the argument that `unpad` names.
  int64_t real_length(const Unpad &unpad, size_t index, const std::string &name) const {
    for (size_t i = 0; i < schema.parameters.size(); ++i) {
      if (schema.parameters[i].name != unpad.like) continue;
      const Tensor &t = batch.calls[index][i].as_tensor();
      const auto pad = config.pad.find(unpad.like);
      return t.size(pad == config.pad.end() ? 0 : static_cast<int32_t>(pad->second.dims.at(0)));
    }
    fail(MRUN_MODEL, "[batch] unpad.{}: like: {} has no argument named {}", name, schema.name, unpad.like);
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
      fail(MRUN_MODEL, "[batch] unpad.{}: cannot cut {} to {} in dimension {}", name, describe(t.c()), n, d);
    }
    const int64_t offset = left(unpad) ? (shape[d] - n) * t.strides()[d] : 0;
    shape[d] = n;
    return t.view(shape, t.strides(), offset);
  }

  Tensor part(const Tensor &t, size_t index, const std::string &name) const {
    const int64_t total = total_rows();
    if (t.dim() == 0 || t.size(0) != total) {
      fail(MRUN_MODEL,
           "{}: the result {} is {}: want the batch of {} in dimension 0; if this model returns something else, set "
           "[batch] mode = \"none\"",
           schema.name, name, describe(t.c()), total);
    }
    int64_t first = 0;
    for (size_t i = 0; i < index; ++i) first += batch.rows[i];
    Shape shape = t.shape(), strides = t.strides();
    const int64_t offset = first * strides[0];
    if (config.mode == BatchConfig::Mode::stack) {
      shape.erase(shape.begin());
      strides.erase(strides.begin());
    } else {
      shape[0] = batch.rows[index];
    }
    Tensor own = shape.empty() ? t.view({}, {}, offset) : t.view(shape, strides, offset);
    const auto unpad = config.unpad.find(name);
    return unpad == config.unpad.end() ? own : cut(own, unpad->second, index, name);
  }

  Value one(const Value &v, size_t index, const std::string &name) const {
    if (v.is_tensor()) return part(v.as_tensor(), index, name);
    if (v.is_list()) {
      std::vector<Value> items;
      for (size_t i = 0; i < v.as_list().size(); ++i) {
        items.push_back(one(v.as_list()[i], index, fmt::format("{}[{}]", name, i + 1)));
      }
      return Value::list(std::move(items));
    }
    if (v.is_map()) {
      std::vector<std::pair<std::string, Value>> entries;
      for (const Entry &e : v.as_map())
        entries.emplace_back(std::string(e.key()), one(e.value(), index, std::string(e.key())));
      return Value::map(std::move(entries));
    }
    return v;
  }
};

}  // namespace

std::vector<std::vector<Value>> split(const Schema &schema, const BatchConfig &config, const Batch &batch,
                                      const std::vector<Value> &results) {
  if (config.mode == BatchConfig::Mode::none) return {results};
  const Splitter splitter{schema, config, batch};
  std::vector<std::vector<Value>> calls(batch.calls.size());
  for (size_t index = 0; index < calls.size(); ++index) {
    for (size_t i = 0; i < results.size(); ++i) {
      calls[index].push_back(splitter.one(results[i], index, std::to_string(i + 1)));
    }
  }
  return calls;
}

}  // namespace mrun
