#include "author/example.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "exec/input.h"
#include "value/dtype.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

constexpr std::string_view root = "examples/";

std::string_view file_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// "input.jpg" -> "", "input.photo.jpg" -> "photo".
std::string field_of(std::string_view file) {
  const size_t first = file.find('.'), last = file.rfind('.');
  return first == last ? "" : std::string(file.substr(first + 1, last - first - 1));
}

Value read_kept(const Bundle &bundle, InputKind kind, const std::string &path) {
  return input_of_bytes(kind, bundle.read(path), path);
}

constexpr double whole_from = 9007199254740992;  // 2^53: a double of this size or more has no fraction

// A printed tensor's elements.
Value as_floats(const Value &printed) {
  if (printed.is_int()) return Value::number(printed.as_number());
  if (!printed.is_list()) return printed;
  std::vector<Value> items;
  for (const Value &item : printed.as_list()) items.push_back(as_floats(item));
  return Value::list(std::move(items));
}

// JSON prints a float that is whole as an integer. What surely is none, having been a floating-point tensor's element or a
// double too large for a fraction, becomes a float again.
Value with_floats(const Value &printed, const Value &answer) {
  if (answer.is_tensor() && is_floating(answer.as_tensor().dtype())) return as_floats(printed);
  if (answer.kind() == MRUN_FLOAT && std::abs(answer.as_number()) >= whole_from) return as_floats(printed);
  if (answer.is_list() && printed.is_list() && answer.as_list().size() == printed.as_list().size()) {
    std::vector<Value> items;
    for (size_t i = 0; i < answer.as_list().size(); ++i)
      items.push_back(with_floats(printed.as_list()[i], answer.as_list()[i]));
    return Value::list(std::move(items));
  }
  if (!answer.is_map() || !printed.is_map()) return printed;
  std::vector<std::pair<std::string, Value>> entries;
  for (const Entry &e : printed.as_map()) {
    const Value *const given = answer.find(e.key());
    entries.emplace_back(e.key(), given == nullptr ? e.value() : with_floats(e.value(), *given));
  }
  return Value::map(std::move(entries));
}

}  // namespace

std::vector<Example> list_examples(const Bundle &bundle) {
  std::map<std::string, Example> found;
  for (const EntryInfo &e : bundle.entries()) {
    const std::string_view path = e.path;
    if (!path.starts_with(root)) continue;
    const std::string_view rest = path.substr(root.size());
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos) continue;
    Example &example = found[std::string(rest.substr(0, slash))];
    example.name = std::string(rest.substr(0, slash));
    const std::string_view file = file_part(path);
    if (file.starts_with("input.")) example.inputs.emplace_back(field_of(file), e.path);
  }
  std::vector<Example> examples;
  for (auto &[name, example] : found) examples.push_back(std::move(example));
  return examples;
}

Value example_input(const Bundle &bundle, const Example &example) {
  const Manifest &m = bundle.manifest();
  if (example.inputs.empty()) {
    fail(MRUN_MISSING,
         "example {0}: there is no file input.* in it; `mrun record FOLDER {0} INPUT --replace` keeps one and its "
         "answer",
         example.name);
  }
  if (m.input != InputKind::record && example.inputs.size() > 1) {
    fail(MRUN_BUNDLE, "example {}: {} and {} are one input too many", example.name, example.inputs[0].second,
         example.inputs[1].second);
  }
  if (m.input != InputKind::record) return read_kept(bundle, m.input, example.inputs.front().second);
  std::vector<std::pair<std::string, Value>> fields;
  for (const auto &[field, path] : example.inputs) {
    if (field.empty()) fail(MRUN_BUNDLE, "{}: want input.FIELD.EXT, a file for each field of the record", path);
    fields.emplace_back(field, read_kept(bundle, kind_of_input(m, field.c_str()), path));
  }
  return Value::map(std::move(fields));
}

Value example_answer(const Bundle &bundle, const Example &example) {
  const std::string path = std::string(root) + example.name + "/expected.json";
  if (!bundle.has(path)) {
    fail(MRUN_MISSING,
         "example {0}: there is no file expected.json in it; `mrun record FOLDER {0} INPUT --replace` writes it",
         example.name);
  }
  return parse_json(bundle.text(path), {.name = path, .code = MRUN_BUNDLE});
}

Value example_stages(const Bundle &bundle, const Example &example) {
  const std::string path = std::string(root) + example.name + "/stages.safetensors";
  if (!bundle.has(path)) return Value::map({});
  return tensor_map(read_safetensors(bundle.read(path), path, MRUN_BUNDLE).tensors);
}

std::vector<std::pair<std::string, Value>> flatten(const Value &v, const std::string &place) {
  std::vector<std::pair<std::string, Value>> out;
  const auto append = [&](const Value &inner, const std::string &name) {
    for (auto &entry : flatten(inner, name)) out.push_back(std::move(entry));
  };
  if (v.is_tensor()) {
    if (v.as_tensor().on_cpu()) out.emplace_back(place, v.as_tensor().contiguous());
  } else if (v.is_number()) {
    Tensor t = Tensor::empty(dtype::float64, {});
    *t.data<double>() = v.as_number();
    out.emplace_back(place, t);
  } else if (v.is_list()) {
    for (size_t i = 0; i < v.as_list().size(); ++i) append(v.as_list()[i], fmt::format("{}.{}", place, i + 1));
  } else if (v.is_map()) {
    for (const Entry &e : v.as_map()) append(e.value(), fmt::format("{}.{}", place, e.key()));
  }
  return out;
}

Recorded run_recorded(Session &session, const Value &input, uint64_t number) {
  Recorded recorded;
  std::set<std::string> names;
  Work work;
  work.number = number;
  work.input = input;
  work.observe = [&](std::string_view stage, const Value &v) {
    for (auto &entry : flatten(v, std::string(stage))) {
      // {a = {b = 1}, ["a.b"] = 2} has one name for two; the first is kept, now as when it was recorded.
      if (names.insert(entry.first).second) recorded.stages.push_back(std::move(entry));
    }
  };
  recorded.result = session.run(work);
  return recorded;
}

Value answer_as_json(const Value &answer) {
  JsonOptions options;
  options.max_elements = std::numeric_limits<int64_t>::max();
  return answer_as_json(answer, options);
}

Value answer_as_json(const Value &answer, const JsonOptions &options) {
  return with_floats(parse_json(to_json(answer, options), {.name = "answer", .code = MRUN_SCRIPT}), answer);
}

}  // namespace mrun
