#include "bundle/manifest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/text.h"
#include "bundle/key_advice.h"
#include "bundle/models.h"
#include "bundle/names.h"
#include "bundle/toml.h"
#include "bundle/toml_advice.h"

namespace mrun {
namespace {

constexpr size_t max_bytes = size_t{1} << 20;
constexpr int max_depth = 32;            // of values
constexpr size_t max_dotted_key = 1000;  // the parser recurses once a part

struct TomlFile {
  const std::string &file;

  template <class... A>
  [[noreturn]] void refuse(const toml::source_region &where, fmt::format_string<A...> format, A &&...args) const {
    throw Error(MRUN_BUNDLE,
                fmt::format("{}:{}: {}", file, where.begin.line, fmt::format(format, std::forward<A>(args)...)));
  }
};

int line_of(const toml::node &node) { return static_cast<int>(node.source().begin.line); }

// What [[NAME]] makes.
bool is_doubly_bracketed(const toml::node &node) {
  return node.is_array_of_tables() && !node.as_array()->front().as_table()->is_inline();
}

const char *type_name(const toml::node &node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "a boolean";
    default: return "a date or time";
  }
}

Value to_value(const toml::node &node, const TomlFile &source, const std::string &name, int depth = 0) {
  if (depth > max_depth) source.refuse(node.source(), "{}: nested deeper than {} levels", name, max_depth);
  switch (node.type()) {
    case toml::node_type::boolean: return Value::boolean(node.as_boolean()->get());
    case toml::node_type::integer: return Value::integer(node.as_integer()->get());
    case toml::node_type::floating_point: return Value::number(node.as_floating_point()->get());
    case toml::node_type::string: return Value::string(node.as_string()->get());
    case toml::node_type::array: {
      std::vector<Value> items;
      for (const toml::node &item : *node.as_array()) items.push_back(to_value(item, source, name, depth + 1));
      return Value::list(std::move(items));
    }
    case toml::node_type::table: {
      std::vector<std::pair<std::string, Value>> entries;
      for (const auto &[key, item] : *node.as_table()) {
        const std::string inner = fmt::format("{}.{}", name, key.str());
        entries.emplace_back(key.str(), to_value(item, source, inner, depth + 1));
      }
      return Value::map(std::move(entries));
    }
    default: source.refuse(node.source(), "{}: a date or time; put it in quotes to keep it as a string", name);
  }
}

// A table of which every key must be asked for: finish() refuses what is left over.
class Section {
 public:
  Section(const toml::table &table, std::string label, const TomlFile &source)
      : table_(table), label_(std::move(label)), source_(source) {}

  const toml::table &table() const { return table_; }
  const std::string &label() const { return label_; }
  std::string label_of(std::string_view key) const {
    return label_.empty() ? fmt::format("[{}]", key) : fmt::format("{} {}", label_, key);
  }

  const toml::node *find(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
    return table_.get(key);
  }

  template <class... A>
  [[noreturn]] void refuse(const toml::node &node, std::string_view key, fmt::format_string<A...> format,
                           A &&...args) const {
    source_.refuse(node.source(), "{}: {}", label_of(key), fmt::format(format, std::forward<A>(args)...));
  }
  [[noreturn]] void wrong_type(const toml::node &node, std::string_view key, std::string_view wanted) const {
    refuse(node, key, "want {}, got {}", wanted, type_name(node));
  }

  std::string string(std::string_view key, std::string fallback = {}) {
    const toml::node *node = find(key);
    if (node == nullptr) return fallback;
    if (!node->is_string()) wrong_type(*node, key, "a string");
    return node->as_string()->get();
  }

  bool boolean(std::string_view key, bool fallback) {
    const toml::node *node = find(key);
    if (node == nullptr) return fallback;
    if (!node->is_boolean()) wrong_type(*node, key, "true or false");
    return node->as_boolean()->get();
  }

  int64_t integer(std::string_view key, int64_t fallback, int64_t low, int64_t high) {
    const toml::node *node = find(key);
    return node == nullptr ? fallback : integer_of(*node, key, low, high);
  }

  int64_t integer_of(const toml::node &node, std::string_view key, int64_t low, int64_t high) const {
    if (!node.is_integer()) wrong_type(node, key, fmt::format("an integer from {} to {}", low, high));
    const int64_t n = node.as_integer()->get();
    if (n < low || n > high) refuse(node, key, "want an integer from {} to {}, got {}", low, high, n);
    return n;
  }

  double number(std::string_view key, double fallback) {
    const toml::node *node = find(key);
    if (node == nullptr) return fallback;
    if (!node->is_number()) wrong_type(*node, key, "a number");
    if (node->is_floating_point()) return node->as_floating_point()->get();
    // value<double>() gives nothing for one that a double does not hold.
    const int64_t whole = node->as_integer()->get();
    const auto number = static_cast<double>(whole);
    constexpr double end = 0x1p63;
    if (number >= end || static_cast<int64_t>(number) != whole)
      refuse(*node, key, "want a number that 64-bit floating point holds exactly, got {}", whole);
    return number;
  }

  // One of several words; its position among them.
  size_t choice(std::string_view key, std::span<const char *const> words, size_t fallback) {
    const toml::node *node = find(key);
    return node == nullptr ? fallback : choice_of(*node, key, words);
  }

  size_t choice_of(const toml::node &node, std::string_view key, std::span<const char *const> words) const {
    if (!node.is_string()) wrong_type(node, key, "a string");
    const std::string &word = node.as_string()->get();
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) {
      std::string wanted;
      for (size_t i = 0; i < words.size(); ++i) {
        wanted += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
      }
      refuse(node, key, "want {}, got \"{}\"", wanted, printable(word));
    }
    return static_cast<size_t>(found - words.begin());
  }

  const toml::table *subtable(std::string_view key, const std::string &want = "a table") {
    const toml::node *node = find(key);
    if (node == nullptr) return nullptr;
    if (is_doubly_bracketed(*node)) single_brackets(*node, key);
    if (!node->is_table()) wrong_type(*node, key, want);
    return node->as_table();
  }

  [[noreturn]] void single_brackets(const toml::node &node, std::string_view key, std::string_view advice = "") const {
    source_.refuse(node.source(), "[[{0}]]: a section is written in single brackets: [{0}]{1}", printable(key, 60),
                   advice);
  }

  void finish() const {
    for (const auto &[key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) == known_.end()) unknown(key, node);
    }
  }

 private:
  [[noreturn]] void unknown(const toml::key &key, const toml::node &node) const {
    constexpr std::string_view of_scripts = "; a parameter of the scripts belongs into [params]";
    const bool top = label_.empty();
    const std::string name = printable(key.str(), 60);
    std::string advice = did_you_mean(key.str(), known_);
    if (advice.empty()) advice = top && node.is_table() ? section_advice(key.str()) : key_advice(key.str(), label_);
    if (advice.empty()) {
      for (const std::string &k : known_) advice += fmt::format("{}{}", advice.empty() ? "; there are: " : ", ", k);
      if (label_ == "[input]") advice += of_scripts;
    }
    if (top && is_doubly_bracketed(node)) single_brackets(node, key.str(), advice);
    if (top && !node.is_table()) {
      source_.refuse(key.source(), "{} stands above the first section and belongs to none{}", name,
                     advice.starts_with("; there are") ? of_scripts : advice);
    }
    source_.refuse(key.source(), "{}: no such {}{}", label_of(name), top ? "section" : "key", advice);
  }

  const toml::table &table_;
  const std::string label_;
  const TomlFile &source_;
  std::vector<std::string> known_;  // as they were asked for
};

constexpr const char *kinds[] = {"text", "image", "audio", "bytes", "json", "tensor", "record"};
constexpr std::span<const char *const> field_kinds{kinds, 6};  // a record holds no records

Field parse_field(const toml::key &key, const toml::node &node, const Section &fields, const TomlFile &source) {
  Field field;
  field.name = key.str();
  if (!is_identifier(field.name)) {
    fields.refuse(node, printable(field.name), "want a name of letters, digits and _ that does not begin with a digit");
  }
  if (const toml::table *table = node.as_table()) {
    Section section(*table, fields.label_of(field.name), source);
    const toml::node *kind = section.find("kind");
    if (kind == nullptr) fields.refuse(node, field.name, "want kind = \"text\" or another kind");
    field.kind = static_cast<InputKind>(section.choice_of(*kind, "kind", field_kinds));
    field.optional = section.boolean("optional", false);
    section.finish();
  } else if (node.is_string()) {
    field.kind = static_cast<InputKind>(fields.choice_of(node, field.name, field_kinds));
  } else {
    fields.wrong_type(node, field.name, "a kind or a table with kind and optional");
  }
  return field;
}

void parse_input(const toml::table &table, const TomlFile &source, Manifest &m) {
  Section section(table, "[input]", source);
  m.input = static_cast<InputKind>(section.choice("kind", kinds, 0));
  const toml::table *fields = section.subtable("fields");
  section.finish();
  if ((m.input == InputKind::record) != (fields != nullptr && !fields->empty())) {
    source.refuse((fields != nullptr ? *fields : table).source(), "[input]: {}",
                  m.input == InputKind::record ? "kind = \"record\" wants [input.fields] with at least one field"
                                               : "[input.fields] wants kind = \"record\"");
  }
  if (fields == nullptr) return;
  const Section inner(*fields, "[input.fields]", source);
  for (const auto &[key, node] : *fields) m.fields.push_back(parse_field(key, node, inner, source));
}

Pad parse_pad(Section &section) {
  Pad pad;
  const toml::node *dims = section.find("dims");
  if (dims == nullptr || !dims->is_array() || dims->as_array()->empty()) {
    const toml::node &where = dims != nullptr ? *dims : static_cast<const toml::node &>(section.table());
    section.refuse(where, "dims", "want a list of the item's dimensions to pad, such as [0]");
  }
  for (const toml::node &dim : *dims->as_array()) {
    const int64_t d = section.integer_of(dim, "dims", 0, 63);
    if (std::find(pad.dims.begin(), pad.dims.end(), d) != pad.dims.end()) {
      section.refuse(dim, "dims", "{} is given twice", d);
    }
    pad.dims.push_back(d);
  }
  const toml::node *value = section.find("value");
  pad.value = value != nullptr && value->is_boolean() ? value->as_boolean()->get() : section.number("value", 0);
  constexpr const char *sides[] = {"right", "left"};
  pad.left = section.choice("side", sides, 0) == 1;
  pad.multiple = section.integer("multiple", 1, 1, int64_t{1} << 20);
  pad.line = line_of(section.table());
  section.finish();
  return pad;
}

Unpad parse_unpad(Section &section) {
  Unpad unpad;
  unpad.line = line_of(section.table());
  unpad.dim = section.integer("dim", 0, 0, 63);
  unpad.like = section.string("like");
  if (unpad.like.empty()) {
    section.refuse(section.table(), "like", "want the name of the padded argument whose length counts");
  }
  section.finish();
  return unpad;
}

template <class T>
void parse_named(Section &section, std::string_view key, std::string_view form, const TomlFile &source,
                 T (*parse)(Section &), std::map<std::string, T> &out) {
  const toml::table *table = section.subtable(key, fmt::format("a table, {{ NAME = {{ {} }} }}", form));
  if (table == nullptr) return;
  out.clear();
  for (const auto &[name, node] : *table) {
    const std::string label = fmt::format("{} {}.{}", section.label(), key, printable(name.str()));
    if (!node.is_table())
      source.refuse(node.source(), "{}: want a table, {{ {} }}, got {}", label, form, type_name(node));
    Section inner(*node.as_table(), label, source);
    out[std::string(name.str())] = parse(inner);
  }
}

// What is not given keeps the value it had.
void parse_batch_keys(Section &section, const TomlFile &source, BatchConfig &batch) {
  constexpr const char *modes[] = {"stack", "concat", "none"};
  batch.line = line_of(section.table());
  batch.mode = static_cast<BatchConfig::Mode>(section.choice("mode", modes, static_cast<size_t>(batch.mode)));
  batch.max_size = section.integer("max_size", batch.max_size, 1, int64_t{1} << 20);
  batch.max_tokens = section.integer("max_tokens", batch.max_tokens, 1, int64_t{1} << 40);
  batch.max_padding = section.number("max_padding", batch.max_padding);
  if (!(batch.max_padding >= 0 && batch.max_padding <= 1)) {
    section.refuse(*section.find("max_padding"), "max_padding", "want a share from 0 to 1, got {}", batch.max_padding);
  }
  batch.exact = section.boolean("exact", batch.exact);
  parse_named(section, "pad", "dims = [0]", source, parse_pad, batch.pad);
  parse_named(section, "unpad", "like = \"ARGUMENT\"", source, parse_unpad, batch.unpad);
  if (section.find("pad") != nullptr && section.find("unpad") == nullptr) {  // nothing to cut where nothing is padded
    std::erase_if(batch.unpad, [&](const auto &entry) { return !batch.pad.contains(entry.second.like); });
  }
}

// [batch] or a model's own. What is not given is that of `base`.
Batching parse_batch(const toml::table &table, const std::string &path, const TomlFile &source,
                     const BatchConfig &base) {
  Section section(table, fmt::format("[{}]", path), source);
  Batching batching{base, {}};
  parse_batch_keys(section, source, batching.calls);
  for (const auto &[key, node] : table) {
    const std::string name(key.str());
    const toml::table *method = node.as_table();
    if (method == nullptr || name == "pad" || name == "unpad") continue;
    section.find(name);
    Section inner(*method, fmt::format("[{}.{}]", path, name), source);
    BatchConfig batch = batching.calls;
    parse_batch_keys(inner, source, batch);
    inner.finish();
    batching.methods.emplace(name, std::move(batch));
  }
  section.finish();
  return batching;
}

ModelConfig parse_model(const std::string &name, const toml::table &table, const TomlFile &source,
                        const BatchConfig &base) {
  Section section(table, fmt::format("[models.{}]", name), source);
  ModelConfig model;
  model.name = name;
  model.line = line_of(table);
  model.file = section.string("file", name == default_model_name ? std::string(default_model_file) : "");
  if (model.file.empty()) {
    source.refuse(table.source(), "{}: want file = \"…\", the model's file in the bundle", section.label());
  }
  if (!good_name(model.file)) {
    section.refuse(*table.get("file"), "file", "\"{}\" is no path inside the bundle; {}", printable(model.file),
                   name_rule);
  }
  model.backend = section.string("backend");
  model.stateful = section.boolean("stateful", false);
  if (const toml::table *batch = section.subtable("batch")) {
    model.batch = parse_batch(*batch, fmt::format("models.{}.batch", name), source, base);
  }
  std::vector<std::pair<std::string, Value>> options;
  for (const auto &[key, node] : table) {
    const std::string_view word = key.str();
    if (word == "file" || word == "backend" || word == "stateful" || word == "batch") continue;
    options.emplace_back(word, to_value(node, source, section.label_of(word)));
    model.option_lines.emplace(word, static_cast<int>(key.source().begin.line));
  }
  model.options = Value::map(std::move(options));
  return model;
}

void parse_models(const toml::table &table, const TomlFile &source, Manifest &m) {
  const Section section(table, "[models]", source);
  for (const auto &[key, node] : table) {
    const std::string name(key.str());
    if (!node.is_table()) {
      const std::string_view shown = is_identifier(name) && name != "file" ? name : default_model_name;
      section.wrong_type(node, name, fmt::format("a section [models.{}] with file = \"…\" below it", shown));
    }
    if (!is_identifier(name)) {
      section.refuse(node, printable(name), "want a name of letters, digits and _ that does not begin with a digit");
    }
    m.models.push_back(parse_model(name, *node.as_table(), source, m.batch.calls));
  }
}

void parse_verify(const toml::table &table, const TomlFile &source, Manifest &m) {
  Section section(table, "[verify]", source);
  for (auto [key, value] : {std::pair{"rtol", &m.rtol}, std::pair{"atol", &m.atol}}) {
    *value = section.number(key, *value);
    if (!(*value >= 0) || !std::isfinite(*value)) {
      section.refuse(*table.get(key), key, "want a number from 0, got {}", *value);
    }
  }
  section.finish();
}

void parse_sections(const toml::table &table, const TomlFile &source, Manifest &m) {
  Section top(table, "", source);
  if (const toml::table *t = top.subtable("bundle")) {
    Section section(*t, "[bundle]", source);
    m.name = section.string("name");
    m.version = section.string("version");
    m.description = section.string("description");
    section.finish();
  }
  if (const toml::table *t = top.subtable("input")) parse_input(*t, source, m);
  const toml::table *params = top.subtable("params");
  m.params = params != nullptr ? to_value(*params, source, "params") : Value::map({});
  if (const toml::table *t = top.subtable("batch")) m.batch = parse_batch(*t, "batch", source, {});
  if (const toml::table *t = top.subtable("models")) parse_models(*t, source, m);
  if (const toml::table *t = top.subtable("verify")) parse_verify(*t, source, m);
  if (const toml::table *t = top.subtable("provenance")) m.provenance = to_value(*t, source, "provenance");
  top.finish();
}

// Tables nested by one long dotted key are destroyed by recursion, so a hostile one is refused before it is parsed.
void check_dotted_keys(std::string_view text, const std::string &file) {
  size_t parts = 0;
  size_t line = 1;
  for (char c : text) {
    line += c == '\n';
    if (c == '.') {
      if (++parts > max_dotted_key) {
        fail(MRUN_BUNDLE, "{}:{}: more than {} dots in one run of words", file, line, max_dotted_key);
      }
    } else if (std::strchr("=,[]{}#\n", c) != nullptr) {
      parts = 0;
    }
  }
}

}  // namespace

const char *input_kind_name(InputKind kind) { return kinds[static_cast<size_t>(kind)]; }

Manifest parse_manifest(std::string_view text, const std::string &file) {
  if (text.size() > max_bytes) {
    fail(MRUN_BUNDLE, "{}: {} bytes; want at most {}: large constants belong in assets/", file, text.size(), max_bytes);
  }
  check_dotted_keys(text, file);
  Manifest m;
  const TomlFile source{file};
  try {
    const toml::table table = toml::parse(text);
    parse_sections(table, source, m);
  } catch (const toml::parse_error &e) {
    const toml::source_position at = e.source().begin;
    source.refuse(e.source(), "{}", toml_advice(e.description(), text, at.line, at.column));
  }
  return m;
}

}  // namespace mrun
