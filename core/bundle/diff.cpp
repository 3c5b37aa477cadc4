#include "bundle/diff.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "bundle/lock.h"
#include "bundle/model_source.h"
#include "bundle/models.h"
#include "bundle/names.h"
#include "value/equal.h"
#include "value/json.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

constexpr uint64_t max_text = uint64_t{1} << 20;

FileDiff::Kind kind_of(std::string_view path) {
  if (path.starts_with("assets/")) return FileDiff::Kind::asset;
  if (path.starts_with("examples/")) return FileDiff::Kind::example;
  if (is_model_file(path)) return FileDiff::Kind::model;
  return FileDiff::Kind::text;
}

// Tables key by key, everything else as a whole.
void diff_params(const Value *a, const Value *b, const std::string &key, std::vector<ParamDiff> &out) {
  if (a != nullptr && b != nullptr && a->is_map() && b->is_map()) {
    std::set<std::string_view> keys;
    for (const Entry &e : a->as_map()) keys.insert(e.key());
    for (const Entry &e : b->as_map()) keys.insert(e.key());
    for (const std::string_view k : keys) {
      diff_params(a->find(k), b->find(k), key.empty() ? std::string(k) : fmt::format("{}.{}", key, k), out);
    }
    return;
  }
  if (a != nullptr && b != nullptr && equal(*a, *b)) return;
  ParamDiff d{key, {}, {}};
  if (a != nullptr) d.before = *a;
  if (b != nullptr) d.after = *b;
  out.push_back(std::move(d));
}

class Differ {
 public:
  Differ(const Bundle &a, const Bundle &b) : a_(a), b_(b) {}

  BundleDiff run() {
    const std::map<std::string, EntryInfo> before = entries(a_), after = entries(b_);
    const bool compare_std = pins_std(before, a_) && pins_std(after, b_);
    bool skipped = false;
    std::set<std::string> names;
    for (const auto &[name, e] : before) names.insert(name);
    for (const auto &[name, e] : after) names.insert(name);
    for (const std::string &name : same_models()) names.erase(name);
    for (const std::string &name : names) {
      if (!compare_std && name.starts_with("std/")) {
        skipped = true;
        continue;
      }
      const auto x = before.find(name), y = after.find(name);
      diff_file(name, x == before.end() ? nullptr : &x->second, y == after.end() ? nullptr : &y->second);
    }
    if (skipped) out_.notes.push_back("std modules are pinned on one side alone, so they are not compared");
    for (const FileDiff &f : out_.files) {
      if (f.kind != FileDiff::Kind::model || is_weights(f.path)) continue;
      out_.notes.push_back(fmt::format("{} is compared as one file; in packed bundles tensors are compared", f.path));
    }
    diff_params(&a_.manifest().params, &b_.manifest().params, "", out_.params);
    diff_operations();
    out_.equal = out_.files.empty() && out_.operations_added.empty() && out_.operations_removed.empty();
    return std::move(out_);
  }

 private:
  // Files of models that are a file on one side and what packing made of that file on the other.
  std::vector<std::string> same_models() const {
    std::vector<std::string> same;
    for (const ModelConfig &config : a_.manifest().models) {
      const auto &others = b_.manifest().models;
      const auto other =
          std::find_if(others.begin(), others.end(), [&](const auto &m) { return m.name == config.name; });
      if (other == others.end()) continue;
      const ModelFiles x = a_.model_files(config), y = b_.model_files(*other);
      if (x.graph == y.graph || !same_source(x, y)) continue;
      for (const std::string &file : {x.graph, x.weights, y.graph, y.weights}) same.push_back(file);
    }
    return same;
  }

  bool same_source(const ModelFiles &x, const ModelFiles &y) const {
    try {
      if (x.weights.empty() && y.weights.empty()) return a_.read(x.graph).bytes() == b_.read(y.graph).bytes();
      if (x.weights.empty()) return model_source(b_.read(y.weights)) == sha256_hex(a_.read(x.graph).bytes());
      if (y.weights.empty()) return model_source(a_.read(x.weights)) == sha256_hex(b_.read(y.graph).bytes());
    } catch (const Error &e) {
      if (e.code != MRUN_MISSING && e.code != MRUN_BUNDLE) throw;  // gone, or no safetensors file
    }
    return false;
  }

  static std::map<std::string, EntryInfo> entries(const Bundle &bundle) {
    std::map<std::string, EntryInfo> map;
    for (EntryInfo &e : bundle.entries()) map.emplace(e.path, e);
    return map;
  }

  static bool pins_std(const std::map<std::string, EntryInfo> &entries, const Bundle &bundle) {
    const auto first = entries.lower_bound("std/");
    return bundle.packed() || (first != entries.end() && first->first.starts_with("std/"));
  }

  void diff_file(const std::string &name, const EntryInfo *x, const EntryInfo *y) {
    FileDiff d{kind_of(name), name, {}, {}, {}, {}};
    if (x != nullptr) d.before = x->size;
    if (y != nullptr) d.after = y->size;
    const bool hashed = x != nullptr && y != nullptr && !x->sha256.empty() && !y->sha256.empty();
    if (hashed && x->sha256 == y->sha256) return;
    try {
      const std::optional<Tensor> left = read(a_, x), right = read(b_, y);
      if (left && right && left->bytes() == right->bytes()) return;
      if (name.ends_with(".safetensors") && left && right) {
        diff_tensors(name, *left, *right);
      } else {
        d.text = diff_as_text(left, right);
      }
    } catch (const Error &e) {
      if (e.code != MRUN_MISSING && e.code != MRUN_INPUT) throw;
      d.note = e.message;  // weights that are gone, or a file that is no safetensors file
    }
    out_.files.push_back(std::move(d));
  }

  static std::optional<Tensor> read(const Bundle &bundle, const EntryInfo *entry) {
    if (entry == nullptr) return std::nullopt;
    return bundle.read(entry->path);
  }

  static std::optional<TextDiff> diff_as_text(const std::optional<Tensor> &a, const std::optional<Tensor> &b) {
    for (const auto *side : {&a, &b}) {
      if (!*side) continue;
      const std::string_view bytes = (*side)->bytes();
      if (bytes.size() > max_text || bytes.find('\0') != std::string_view::npos || !valid_utf8(bytes)) return {};
    }
    return diff_text(a ? a->bytes() : std::string_view(), b ? b->bytes() : std::string_view());
  }

  void diff_tensors(const std::string &file, const Tensor &left, const Tensor &right) {
    const NamedTensors before = read_safetensors(left, file).tensors, after = read_safetensors(right, file).tensors;
    std::set<std::string_view> names;
    for (const auto &[name, t] : before) names.insert(name);
    for (const auto &[name, t] : after) names.insert(name);
    for (const std::string_view name : names) {
      const auto x = before.find(name), y = after.find(name);
      TensorDiff d{file, std::string(name), {}, {}, {}};
      if (x != before.end()) d.before = TensorInfo{x->second.dtype(), x->second.shape()};
      if (y != after.end()) d.after = TensorInfo{y->second.dtype(), y->second.shape()};
      if (d.before && d.after && d.before->dtype == d.after->dtype && d.before->shape == d.after->shape) {
        d.distance = tensor_distance(x->second, y->second);
        if (d.distance->equal) continue;
      }
      out_.tensors.push_back(std::move(d));
    }
  }

  void diff_operations() {
    if (!a_.packed() || !b_.packed()) return;
    const auto operations = [](const Bundle &bundle) {
      const Value lock = bundle.lock();
      std::vector<std::string> names;
      for (const Value &v : lock.find("operations")->as_list()) names.emplace_back(v.as_string());
      return names;
    };
    const std::vector<std::string> x = operations(a_), y = operations(b_);
    std::set_difference(y.begin(), y.end(), x.begin(), x.end(), std::back_inserter(out_.operations_added));
    std::set_difference(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(out_.operations_removed));
  }

  const Bundle &a_;
  const Bundle &b_;
  BundleDiff out_;
};

using Map = std::vector<std::pair<std::string, Value>>;

Value strings(const std::vector<std::string> &list) {
  std::vector<Value> values;
  for (const std::string &s : list) values.push_back(Value::string(s));
  return Value::list(std::move(values));
}

template <class T>
Value list(const std::vector<T> &items, Value (*convert)(const T &)) {
  std::vector<Value> values;
  for (const T &item : items) values.push_back(convert(item));
  return Value::list(std::move(values));
}

Value file_value(const FileDiff &d) {
  constexpr const char *kinds[] = {"text", "asset", "example", "model"};
  Map map{{"kind", Value::string(kinds[static_cast<size_t>(d.kind)])},
          {"path", Value::string(d.path)},
          {"before", size_value(d.before)},
          {"after", size_value(d.after)}};
  if (d.text) {
    map.emplace_back("diff", Value::string(d.text->unified));
    map.emplace_back("added", Value::integer(static_cast<int64_t>(d.text->added)));
    map.emplace_back("removed", Value::integer(static_cast<int64_t>(d.text->removed)));
  }
  if (!d.note.empty()) map.emplace_back("note", Value::string(d.note));
  return Value::map(std::move(map));
}

Value param_value(const ParamDiff &d) {
  return Value::map({{"key", Value::string(d.key)},
                     {"before", d.before ? json_numbers(*d.before) : Value()},
                     {"after", d.after ? json_numbers(*d.after) : Value()}});
}

Value info_value(const std::optional<TensorInfo> &info) {
  if (!info) return {};
  std::vector<Value> shape;
  for (const int64_t n : info->shape) shape.push_back(Value::integer(n));
  return Value::map({{"dtype", Value::string(dtype_name(info->dtype))}, {"shape", Value::list(std::move(shape))}});
}

Value tensor_value(const TensorDiff &d) {
  Map map{{"file", Value::string(d.file)},
          {"name", Value::string(d.name)},
          {"before", info_value(d.before)},
          {"after", info_value(d.after)}};
  if (d.distance) {
    map.emplace_back("max_abs", json_number(d.distance->max_abs));
    map.emplace_back("mean_abs", json_number(d.distance->mean_abs));
    map.emplace_back("relative_norm", json_number(d.distance->relative_norm));
    map.emplace_back("not_comparable", Value::integer(d.distance->not_comparable));
  }
  return Value::map(std::move(map));
}

}  // namespace

BundleDiff diff_bundles(const Bundle &before, const Bundle &after) { return Differ(before, after).run(); }

Value diff_value(const BundleDiff &d) {
  return Value::map(
      {{"equal", Value::boolean(d.equal)},
       {"params", list(d.params, param_value)},
       {"files", list(d.files, file_value)},
       {"tensors", list(d.tensors, tensor_value)},
       {"operations", Value::map({{"added", strings(d.operations_added)}, {"removed", strings(d.operations_removed)}})},
       {"notes", strings(d.notes)}});
}

}  // namespace mrun
