#include "report/inspect.h"

#include <map>

#include "author/example.h"
#include "author/left_out.h"
#include "base/error.h"
#include "bundle/packed.h"
#include "report/tensor_stats.h"
#include "report/type_text.h"
#include "value/json.h"
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

Value from_lock(const Bundle &bundle, const char *key, Value otherwise) {
  const Value lock = bundle.lock();
  const Value *v = lock.find(key);
  return v == nullptr ? otherwise : *v;
}

// What packing kept of a model: {"backend", "methods"}, or nil.
Value facts_of(const Bundle &bundle, const std::string &model) {
  const Value facts = from_lock(bundle, "models", Value::map({}));
  const Value *found = facts.find(model);
  return found == nullptr ? Value() : *found;
}

// The files of an earlier revision that a later commit replaced: history keeps no weights.
std::vector<Value> gone_of(const Bundle &bundle, const std::vector<Value> &paths) {
  std::vector<Value> gone;
  const auto *packed = dynamic_cast<const Packed *>(&bundle);
  for (const Value &path : paths) {
    if (packed != nullptr && !packed->holds(path.as_string())) gone.push_back(path);
  }
  return gone;
}

Value models_of(const Bundle &bundle) {
  std::vector<Value> models;
  for (const ModelConfig &c : bundle.manifest().models) {
    const Value facts = facts_of(bundle, c.name);
    const Value *backend = facts.find("backend"), *methods = facts.find("methods");
    const ModelFiles files = bundle.model_files(c);
    std::vector<Value> paths{text(files.graph)};
    if (!files.weights.empty()) paths.push_back(text(files.weights));
    models.push_back(Value::map({{"name", text(c.name)},
                                 {"file", text(c.file)},
                                 {"backend", backend == nullptr ? text(c.backend) : *backend},
                                 {"methods", methods == nullptr ? Value() : *methods},
                                 {"stateful", Value::boolean(c.stateful)},
                                 {"options", c.options.is_nil() ? Value::map({}) : json_numbers(c.options)},
                                 {"gone", Value::list(gone_of(bundle, paths))},
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
                     {"batch", batch_of(m.batch.calls)},
                     {"verify", Value::map({{"rtol", Value::number(m.rtol)}, {"atol", Value::number(m.atol)}})},
                     {"provenance", json_numbers(m.provenance)}});
}

Value entries_of(const Bundle &bundle) {
  std::vector<Value> rows;
  for (const EntryInfo &e : bundle.entries()) {
    rows.push_back(Value::map(
        {{"path", text(e.path)}, {"size", Value::integer(static_cast<int64_t>(e.size))}, {"sha256", text(e.sha256)}}));
  }
  return Value::list(std::move(rows));
}

Value shape_of(const Tensor &t) {
  std::vector<Value> shape;
  for (int64_t d : t.shape()) shape.push_back(Value::integer(d));
  return Value::list(std::move(shape));
}

void add_stats(std::vector<std::pair<std::string, Value>> &row, const Tensor &t) {
  const auto stats = tensor_stats(t);
  row.emplace_back("min", stats ? json_number(stats->min) : Value());
  row.emplace_back("max", stats ? json_number(stats->max) : Value());
  row.emplace_back("mean", stats ? json_number(stats->mean) : Value());
  row.emplace_back("nan", stats ? Value::integer(stats->nans) : Value());
}

Value tensor_rows(const Bundle &bundle, bool stats) {
  std::vector<Value> rows;
  for (const ModelConfig &c : bundle.manifest().models) {
    const ModelFiles files = bundle.model_files(c);
    if (files.weights.empty() || !gone_of(bundle, {text(files.weights)}).empty()) continue;
    const NamedTensors tensors = read_safetensors(bundle.read(files.weights), files.weights, MRUN_BUNDLE).tensors;
    for (const auto &[name, t] : tensors) {
      std::vector<std::pair<std::string, Value>> row{{"model", text(c.name)},
                                                     {"name", text(name)},
                                                     {"dtype", text(dtype_name(t.dtype()))},
                                                     {"shape", shape_of(t)},
                                                     {"bytes", Value::integer(static_cast<int64_t>(t.nbytes()))}};
      if (stats) add_stats(row, t);
      rows.push_back(Value::map(std::move(row)));
    }
  }
  return Value::list(std::move(rows));
}

Value params_of(const Bundle &bundle) {
  const Value &params = bundle.manifest().params;
  return params.is_nil() ? Value::map({}) : json_numbers(params);
}

// By the names that --param takes, with the types that it checks.
void add_parameters(const Value &params, const std::string &prefix, std::vector<Value> &rows) {
  for (const Entry &e : params.as_map()) {
    const std::string name = prefix + std::string(e.key());
    if (e.value().is_map()) {
      add_parameters(e.value(), name + ".", rows);
    } else {
      rows.push_back(Value::map(
          {{"name", text(name)}, {"type", text(kind_name(e.value().kind()))}, {"value", json_numbers(e.value())}}));
    }
  }
}

Value parameters_of(const Bundle &bundle) {
  std::vector<Value> rows;
  const Value &params = bundle.manifest().params;
  if (!params.is_nil()) add_parameters(params, "", rows);
  return Value::list(std::move(rows));
}

// Who must be there to run it: the plugins and libraries that pinned text names, the models' backends.
Value needs_of(const Bundle &bundle) {
  if (!bundle.packed()) return Value();
  const Value operations = from_lock(bundle, "operations", Value::list({}));
  const Value versions = from_lock(bundle, "packed_with", Value::map({}));
  std::map<std::string, int64_t> counts;
  for (const Value &o : operations.as_list()) {
    const std::string name(o.as_string());
    ++counts[name.substr(0, name.find('.'))];
  }
  std::vector<std::pair<std::string, Value>> owners, backends;
  for (const auto &[owner, count] : counts) {
    const Value *version = versions.find(owner);
    owners.emplace_back(
        owner, Value::map({{"count", Value::integer(count)}, {"version", version == nullptr ? Value() : *version}}));
  }
  const Value models = from_lock(bundle, "models", Value::map({}));
  for (const Entry &m : models.as_map()) backends.emplace_back(m.key(), *m.value().find("backend"));
  return Value::map({{"script", from_lock(bundle, "script", Value())},
                     {"operations", Value::map(std::move(owners))},
                     {"backends", Value::map(std::move(backends))},
                     {"packed_with", versions}});
}

// What the answer of an example looks like: the only word on it that a bundle has.
Value gives_of(const Bundle &bundle) {
  for (const Example &e : list_examples(bundle)) {
    try {
      return Value::map({{"example", text(e.name)}, {"type", text(type_text(example_answer(bundle, e)))}});
    } catch (const Error &) {}  // an example without an answer that can be read: `verify` says so
  }
  return Value();
}

Value examples_of(const Bundle &bundle) {
  std::vector<Value> names;
  for (const Example &e : list_examples(bundle)) names.push_back(text(e.name));
  return Value::list(std::move(names));
}

// Who says that he signed it; `checked` where he is trusted, which only keys given at opening can show.
Value signatures_of(const Bundle &bundle) {
  const std::optional<std::string> all = bundle.signatures();
  if (!all) return Value::list({});
  std::vector<Value> rows;
  try {
    for (const Signature &s : parse_signatures(*all, "bundle.sig")) {
      const Value error = s.unchecked.empty() ? Value() : text(s.unchecked);
      const bool checked = !s.key.empty() && s.key == bundle.signed_by();
      rows.push_back(Value::map({{"key", text(s.key)}, {"checked", Value::boolean(checked)}, {"error", error}}));
    }
  } catch (const Error &e) {  // nothing else depends on it
    rows = {Value::map({{"key", text("")}, {"checked", Value::boolean(false)}, {"error", text(e.message)}})};
  }
  return Value::list(std::move(rows));
}

Value left_out_of(const Bundle &bundle) {
  std::vector<Value> sentences;
  for (const std::string &s : notices(bundle)) sentences.push_back(text(s));
  return Value::list(std::move(sentences));
}

struct InspectedPart {
  const char *name;
  Value (*make)(const Bundle &);
};
const InspectedPart parts[] = {
    {"manifest", manifest_of},
    {"params", params_of},
    {"parameters", parameters_of},
    {"gives", gives_of},
    {"needs", needs_of},
    {"entries", entries_of},
    {"tensors", [](const Bundle &b) { return tensor_rows(b, false); }},
    {"operations", [](const Bundle &b) { return from_lock(b, "operations", Value::list({})); }},
    {"history", [](const Bundle &b) { return from_lock(b, "revision", Value()); }},
    {"signatures", signatures_of},
    {"examples", examples_of},
    {"left_out", left_out_of}};

}  // namespace

Value inspect(const Bundle &bundle, const std::string &what) {
  std::vector<std::pair<std::string, Value>> all{{"digest", text(bundle.digest())},
                                                 {"packed", Value::boolean(bundle.packed())}};
  for (const InspectedPart &p : parts) {
    if (what == p.name) return p.make(bundle);
    if (what.empty()) all.emplace_back(p.name, p.make(bundle));
  }
  if (what == "stats") return tensor_rows(bundle, true);
  if (!what.empty()) fail(MRUN_USAGE, "inspect: there is no part \"{}\"", what);
  return Value::map(std::move(all));
}

}  // namespace mrun
