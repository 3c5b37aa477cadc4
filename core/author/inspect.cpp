#include "author/inspect.h"

#include "author/example.h"
#include "base/error.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

Value text(const std::string &s) { return Value::string(s); }

Value input_of(const Manifest &m) {
  std::vector<std::pair<std::string, Value>> input{{"kind", text(input_kind_name(m.input))}};
  if (m.input == InputKind::record) {
    std::vector<Value> fields;
    for (const Field &f : m.fields) {
      fields.push_back(Value::map(
          {{"name", text(f.name)}, {"kind", text(input_kind_name(f.kind))}, {"optional", Value::boolean(f.optional)}}));
    }
    input.emplace_back("fields", Value::list(std::move(fields)));
  }
  return Value::map(std::move(input));
}

Value models_of(const Bundle &bundle) {
  std::vector<Value> models;
  for (const ModelConfig &c : bundle.manifest().models) {
    const ModelFiles files = bundle.model_files(c);
    std::vector<Value> paths{text(files.graph)};
    if (!files.weights.empty()) paths.push_back(text(files.weights));
    models.push_back(Value::map({{"name", text(c.name)},
                                 {"file", text(c.file)},
                                 {"backend", text(c.backend)},
                                 {"stateful", Value::boolean(c.stateful)},
                                 {"options", c.options.is_nil() ? Value::map({}) : c.options},
                                 {"files", Value::list(std::move(paths))}}));
  }
  return Value::list(std::move(models));
}

Value batch_of(const BatchConfig &b) {
  static const char *const modes[] = {"stack", "concat", "none"};
  return Value::map({{"mode", text(modes[static_cast<int>(b.mode)])}, {"max_size", Value::integer(b.max_size)}});
}

Value manifest_of(const Bundle &bundle) {
  const Manifest &m = bundle.manifest();
  return Value::map({{"name", text(m.name)},
                     {"version", text(m.version)},
                     {"description", text(m.description)},
                     {"input", input_of(m)},
                     {"models", models_of(bundle)},
                     {"batch", batch_of(m.batch)},
                     {"verify", Value::map({{"rtol", Value::number(m.rtol)}, {"atol", Value::number(m.atol)}})},
                     {"provenance", m.provenance}});
}

Value entries_of(const Bundle &bundle) {
  std::vector<Value> rows;
  for (const EntryInfo &e : bundle.entries()) {
    rows.push_back(Value::map(
        {{"path", text(e.path)}, {"size", Value::integer(static_cast<int64_t>(e.size))}, {"sha256", text(e.sha256)}}));
  }
  return Value::list(std::move(rows));
}

Value tensors_of(const Bundle &bundle) {
  std::vector<Value> rows;
  for (const ModelConfig &c : bundle.manifest().models) {
    const ModelFiles files = bundle.model_files(c);
    if (files.weights.empty()) continue;
    const NamedTensors tensors = read_safetensors(bundle.read(files.weights), files.weights, MRUN_BUNDLE).tensors;
    for (const auto &[name, t] : tensors) {
      std::vector<Value> shape;
      for (int64_t d : t.shape()) shape.push_back(Value::integer(d));
      rows.push_back(Value::map({{"model", text(c.name)},
                                 {"name", text(name)},
                                 {"dtype", text(dtype_name(t.dtype()))},
                                 {"shape", Value::list(std::move(shape))},
                                 {"bytes", Value::integer(static_cast<int64_t>(t.nbytes()))}}));
    }
  }
  return Value::list(std::move(rows));
}

Value from_lock(const Bundle &bundle, const char *key, Value otherwise) {
  const Value lock = bundle.lock();
  const Value *v = lock.find(key);
  return v == nullptr ? otherwise : *v;
}

Value examples_of(const Bundle &bundle) {
  std::vector<Value> names;
  for (const Example &e : list_examples(bundle)) names.push_back(text(e.name));
  return Value::list(std::move(names));
}

struct Part {
  const char *name;
  Value (*make)(const Bundle &);
};
const Part parts[] = {
    {"manifest", manifest_of},
    {"params", [](const Bundle &b) { return b.manifest().params.is_nil() ? Value::map({}) : b.manifest().params; }},
    {"entries", entries_of},
    {"tensors", tensors_of},
    {"operations", [](const Bundle &b) { return from_lock(b, "operations", Value::list({})); }},
    {"history", [](const Bundle &b) { return from_lock(b, "revision", Value()); }},
    {"examples", examples_of}};

}  // namespace

Value inspect(const Bundle &bundle, const std::string &what) {
  std::vector<std::pair<std::string, Value>> all{{"digest", text(bundle.digest())},
                                                 {"packed", Value::boolean(bundle.packed())}};
  for (const Part &p : parts) {
    if (what == p.name) return p.make(bundle);
    if (what.empty()) all.emplace_back(p.name, p.make(bundle));
  }
  if (!what.empty()) fail(MRUN_USAGE, "inspect: there is no part \"{}\"", what);
  return Value::map(std::move(all));
}

}  // namespace mrun
