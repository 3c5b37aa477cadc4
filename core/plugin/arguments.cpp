// Arguments against a schema. The common path, a value that is right as it is or a number to convert, neither allocates
// nor builds a message; what was wrong is looked for only once something was.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <mrun/message.hpp>

#include "base/error.h"
#include "base/text.h"
#include "plugin/schema.h"
#include "value/object.h"

namespace mrun {
namespace {

constexpr double largest_exact = 9007199254740992.0;  // 2^53: above, a double no longer names one integer
constexpr int no_fit = -1;

bool integral(double d) { return std::fabs(d) <= largest_exact && std::trunc(d) == d; }  // false for NaN

std::string_view string_of(const mrun_value &v) { return {v.as.string.data, v.as.string.size}; }

bool stands_for_tensor(const mrun_value &v) { return v.kind == MRUN_OBJECT && v.as.object->type->to_tensor != nullptr; }

// The canonical name: "cpu", also for "cpu:0", and "cuda:0" for "cuda"; empty where it is none.
std::string_view canonical_device(std::string_view name) {
  if (name == "cpu" || name == "cpu:0") return "cpu";
  if (name == "cuda") return "cuda:0";
  const std::string_view prefix = "cuda:";
  if (name.substr(0, prefix.size()) != prefix) return {};
  const std::string_view index = name.substr(prefix.size());
  const bool digits = index.find_first_not_of("0123456789") == std::string_view::npos;
  return digits && !index.empty() && index.size() <= 3 && (index.size() == 1 || index[0] != '0') ? name
                                                                                                 : std::string_view{};
}

int dict_cost(const Type &type, const mrun_value &v) {
  if (v.kind == MRUN_LIST) return v.as.list.size == 0 ? 0 : no_fit;  // Lua's {}
  if (v.kind != MRUN_MAP) return no_fit;
  int worst = 0;
  for (size_t i = 0; i < v.as.map.size; ++i) {
    const int cost = conversion_cost(*type.element, v.as.map.items[i].value);
    if (cost < 0) return no_fit;
    worst = std::max(worst, cost);
  }
  return worst;
}

// Of a value that is not nil, for the type without its list and optional marks.
int base_cost(const Type &type, const mrun_value &v) {
  const auto when = [](bool fits, int cost = 0) { return fits ? cost : no_fit; };
  switch (type.base) {
    case Base::tensor: return v.kind == MRUN_TENSOR ? 0 : when(stands_for_tensor(v), 1);
    case Base::integer: return when(v.kind == MRUN_INT || (v.kind == MRUN_FLOAT && integral(v.as.number)));
    case Base::number: return when(v.kind == MRUN_FLOAT || v.kind == MRUN_INT, 1);
    case Base::boolean: return when(v.kind == MRUN_BOOL);
    case Base::string: return when(v.kind == MRUN_STRING);
    case Base::scalar: return v.kind == MRUN_BOOL ? 2 : when(v.kind == MRUN_FLOAT || v.kind == MRUN_INT, 1);
    case Base::any: return 3;
    case Base::callable: return when(v.kind == MRUN_FUNCTION);
    case Base::device: return when(v.kind == MRUN_STRING && !canonical_device(string_of(v)).empty());
    case Base::scalar_type: return when(v.kind == MRUN_STRING && dtype_of(string_of(v)).has_value());
    case Base::generator: return no_fit;
    case Base::dict: return dict_cost(type, v);
    case Base::object: return when(v.kind == MRUN_OBJECT && type.object == v.as.object->type->name);
  }
  return no_fit;
}

// plugin.h, 8: a list for T[n], n above 1, has n items, or one that stands for all of them.
bool length_fits(const Type &type, size_t size) {
  return type.fixed < 2 || size == static_cast<size_t>(type.fixed) || size == 1 || (size == 0 && type.may_be_empty);
}

bool to_repeat(const Type &type, const mrun_value &v) {
  return v.kind != MRUN_LIST || (type.fixed > 1 && v.as.list.size == 1);
}

int item_cost(const Type &type, const mrun_value &v) {
  if (v.kind == MRUN_NIL) return type.element_optional || type.base == Base::any ? 0 : no_fit;
  return base_cost(type, v);
}

// Whether a value of the base type, not nil and fitting, is passed on as it is.
bool exact(const Type &type, const mrun_value &v) {
  switch (type.base) {
    case Base::integer: return v.kind == MRUN_INT;
    case Base::number: return v.kind == MRUN_FLOAT;
    case Base::device: return canonical_device(string_of(v)) == string_of(v);
    case Base::scalar_type: return dtype_name(*dtype_of(string_of(v))) == string_of(v);
    case Base::dict:
      if (v.kind != MRUN_MAP) return false;
      for (size_t i = 0; i < v.as.map.size; ++i) {
        const mrun_value &item = v.as.map.items[i].value;
        if (item.kind != MRUN_NIL && (type.element->list || !exact(*type.element, item))) return false;
      }
      return true;
    default: return true;
  }
}

bool exact_list(const Type &type, const mrun_value &v) {
  if (to_repeat(type, v)) return false;
  for (size_t i = 0; i < v.as.list.size; ++i) {
    const mrun_value &item = v.as.list.items[i];
    if (item.kind != MRUN_NIL && !exact(type, item)) return false;
  }
  return true;
}

Value converted(const Type &type, const mrun_value &v);

// A fitting value of a base type whose conversion needs no memory. Names are the host's own or borrowed.
mrun_value plain(const Type &type, const mrun_value &v) {
  mrun_value out = v;
  if (type.base == Base::integer && v.kind == MRUN_FLOAT) {
    out.kind = MRUN_INT;
    out.as.integer = static_cast<int64_t>(v.as.number);
  } else if (type.base == Base::number && v.kind == MRUN_INT) {
    out.kind = MRUN_FLOAT;
    out.as.number = static_cast<double>(v.as.integer);
  } else if (type.base == Base::device || type.base == Base::scalar_type) {
    const std::string_view name =
        type.base == Base::device ? canonical_device(string_of(v)) : dtype_name(*dtype_of(string_of(v)));
    out.as.string = {name.data(), name.size()};
    out.owner = nullptr;
  }
  return out;
}

Value converted_base(const Type &type, const mrun_value &v) {
  if (v.kind == MRUN_NIL || type.base != Base::dict) return Value::copy(plain(type, v));
  std::vector<std::pair<std::string, Value>> entries;
  for (size_t i = 0; v.kind == MRUN_MAP && i < v.as.map.size; ++i) {
    const mrun_entry &e = v.as.map.items[i];
    entries.emplace_back(std::string(e.key.data, e.key.size), converted(*type.element, e.value));
  }
  return Value::map(std::move(entries));
}

Value converted(const Type &type, const mrun_value &v) {
  if (!type.list || v.kind == MRUN_NIL) return converted_base(type, v);
  std::vector<Value> items;
  if (to_repeat(type, v)) {
    const mrun_value &one = v.kind == MRUN_LIST ? v.as.list.items[0] : v;
    items.assign(static_cast<size_t>(std::max(type.fixed, 1)), converted_base(type, one));
  } else {
    for (size_t i = 0; i < v.as.list.size; ++i) items.push_back(converted_base(type, v.as.list.items[i]));
  }
  return Value::list(std::move(items));
}

bool has_tensor_object(const Type &type, const mrun_value &v) {
  if (v.kind == MRUN_OBJECT) return type.base == Base::tensor;
  if (v.kind == MRUN_LIST && type.base == Base::tensor) {
    for (size_t i = 0; i < v.as.list.size; ++i) {
      if (v.as.list.items[i].kind == MRUN_OBJECT) return true;
    }
  }
  if (v.kind == MRUN_MAP && type.base == Base::dict) {
    for (size_t i = 0; i < v.as.map.size; ++i) {
      if (has_tensor_object(*type.element, v.as.map.items[i].value)) return true;
    }
  }
  return false;
}

// ---- what was wrong

std::string item_type(Type type) {
  type.list = false;
  type.fixed = 0;
  type.optional = type.element_optional;
  return type.text();
}

std::string mismatch(const Type &type, const mrun_value &v) {
  if (type.list && v.kind == MRUN_LIST) {
    for (size_t i = 0; i < v.as.list.size; ++i) {
      if (item_cost(type, v.as.list.items[i]) >= 0) continue;
      Type item = type;
      item.list = false;
      item.optional = false;
      return fmt::format("item {}: {}", i + 1, mismatch(item, v.as.list.items[i]));
    }
  }
  if (type.base == Base::dict && !type.list && v.kind == MRUN_MAP) {
    for (size_t i = 0; i < v.as.map.size; ++i) {
      const mrun_entry &e = v.as.map.items[i];
      if (conversion_cost(*type.element, e.value) >= 0) continue;
      return fmt::format("{}: {}", printable({e.key.data, e.key.size}, 60), mismatch(*type.element, e.value));
    }
  }
  if (type.list && v.kind == MRUN_LIST && !length_fits(type, v.as.list.size)) {
    return fmt::format("want a list of {}, got one of {}", type.fixed, v.as.list.size);
  }
  std::string text = fmt::format("want {}, got {}", type.list ? type.text() : item_type(type), describe(v));
  if (type.base == Base::integer && v.kind == MRUN_FLOAT) {
    if (std::isnan(v.as.number)) {
      text += ", which is no integer";
    } else {
      text += std::trunc(v.as.number) == v.as.number ? ", which is beyond 2^53" : ", which has a fraction";
    }
  } else if (type.base == Base::scalar_type && v.kind == MRUN_STRING) {
    text += fmt::format(" (\"{}\"), which names no dtype", printable(string_of(v), 40));
  } else if (type.base == Base::device && v.kind == MRUN_STRING) {
    text += fmt::format(" (\"{}\"); devices are \"cpu\" and \"cuda:N\"", printable(string_of(v), 40));
  }
  return text;
}

// name, operation: of the error, without and with its version.
[[noreturn]] void wrong(const std::string &name, const std::string &operation, const std::string &argument,
                        const std::string &what) {
  Error e(MRUN_ARGUMENT,
          argument.empty() ? fmt::format("{}: {}", name, what) : fmt::format("{}: {}: {}", name, argument, what));
  e.operation = operation;
  e.argument = argument;
  throw e;
}

[[noreturn]] void wrong(const Schema &schema, const std::string &argument, const std::string &what) {
  wrong(schema.name, schema.full_name(), argument, what);
}

std::string no_keyword(std::string_view key, std::span<const Parameter *const> parameters) {
  std::string all;
  std::vector<std::string> names;
  for (const Parameter *p : parameters) {
    if (p->name[0] == '_') continue;  // between a plugin's Lua face and its operation
    if (std::find(names.begin(), names.end(), p->name) != names.end()) continue;  // another form has it, too
    all += (all.empty() ? "; there are: " : ", ") + p->name;
    names.push_back(p->name);
  }
  const std::string near = did_you_mean(key, names);
  return fmt::format("no parameter is called \"{}\"{}", printable(key, 60), near.empty() ? all : near);
}

[[noreturn]] void wrong_keyword(const Schema &schema, std::string_view key) {
  std::vector<const Parameter *> parameters;
  for (const Parameter &p : schema.parameters) parameters.push_back(&p);
  wrong(schema, {}, no_keyword(key, parameters));
}

// ---- which given value is whose

// Positional and keyword arguments by parameter. All views, no memory.
class Binding {
 public:
  Binding(const Schema &schema, std::span<const mrun_value> positional, const mrun_value &keywords)
      : schema_(schema), positional_(positional) {
    while (!positional_.empty() && says_nothing(positional_.back(), positional_.size() - 1)) {
      positional_ = positional_.first(positional_.size() - 1);
    }
    if (keywords.kind != MRUN_MAP) return;
    if (belongs_to_next(keywords)) {
      last_ = &keywords;
    } else {
      keywords_ = {keywords.as.map.items, keywords.as.map.size};
    }
  }
  size_t count() const { return positional_.size() + (last_ != nullptr ? 1 : 0); }  // given by position
  bool too_many() const {
    return count() > schema_.parameters.size() || (count() > 0 && schema_.parameters[count() - 1].keyword_only);
  }
  // The value that was given for parameter i; null where none was.
  const mrun_value *given(size_t i) const {
    if (i < positional_.size()) {
      if (positional_[i].kind != MRUN_NIL) return &positional_[i];
    } else if (i == positional_.size() && last_ != nullptr) {
      return last_;
    }
    return keywords_.empty() ? nullptr : keyword(schema_.parameters[i]);
  }
  // The first key that names no parameter, or one that is given already.
  const mrun_entry *bad_keyword() const {
    for (const mrun_entry &e : keywords_) {
      const size_t i = index(key(e));
      if (i == schema_.parameters.size() || (i < positional_.size() && positional_[i].kind != MRUN_NIL)) return &e;
      if (first_keyword(schema_.parameters[i]) != &e) return &e;  // under another of its names
    }
    return nullptr;
  }
  bool named(std::string_view name) const { return index(name) < schema_.parameters.size(); }
  static std::string_view key(const mrun_entry &e) { return {e.key.data, e.key.size}; }

 private:
  // plugin.h, 8: a map comes where a required Dict or Any is next, which takes it or whose name and others' are not its
  // keys, or an optional one and no key names a parameter.
  bool belongs_to_next(const mrun_value &map) const {
    if (positional_.size() >= schema_.parameters.size()) return false;
    const Parameter &next = schema_.parameters[positional_.size()];
    if (next.keyword_only || next.type.list || (next.type.base != Base::dict && next.type.base != Base::any))
      return false;
    const std::span<const mrun_entry> entries{map.as.map.items, map.as.map.size};
    const auto is_named = [this](const mrun_entry &e) { return named(key(e)); };
    if (next.has_default || next.type.optional) return std::none_of(entries.begin(), entries.end(), is_named);
    return matches(next.type, map) || !std::all_of(entries.begin(), entries.end(), is_named);
  }
  // Lua's {}, an empty map or nil where options may stand: there are none, whether or not a key with the value nil was
  // written into it.
  bool says_nothing(const mrun_value &last, size_t place) const {
    const bool empty =
        (last.kind == MRUN_LIST && last.as.list.size == 0) || (last.kind == MRUN_MAP && last.as.map.size == 0);
    if (!empty && last.kind != MRUN_NIL) return false;
    if (place >= schema_.parameters.size()) return true;
    const Parameter &p = schema_.parameters[place];
    return p.keyword_only || (empty && !(p.type.list || p.type.base == Base::dict || p.type.base == Base::any));
  }
  size_t index(std::string_view name) const {
    size_t i = 0;
    while (i < schema_.parameters.size() && !schema_.parameters[i].is_called(name)) ++i;
    return i;
  }
  const mrun_entry *first_keyword(const Parameter &p) const {
    for (const mrun_entry &e : keywords_) {
      if (p.is_called(key(e))) return &e;
    }
    return nullptr;
  }
  const mrun_value *keyword(const Parameter &p) const {
    const mrun_entry *e = first_keyword(p);
    return e == nullptr || e->value.kind == MRUN_NIL ? nullptr : &e->value;
  }

  const Schema &schema_;
  std::span<const mrun_value> positional_;
  std::span<const mrun_entry> keywords_;
  const mrun_value *last_ = nullptr;  // the map, where it is a positional argument
};

bool may_miss(const Parameter &p) {
  return p.has_default || p.type.optional || p.type.base == Base::any || p.type.base == Base::generator;
}

[[noreturn]] void too_many(const Schema &schema, size_t given) {
  size_t most = 0;
  while (most < schema.parameters.size() && !schema.parameters[most].keyword_only) ++most;
  std::string named;
  for (size_t i = most; i < schema.parameters.size() && i < most + 8; ++i) {
    if (schema.parameters[i].name[0] == '_') continue;
    named += (named.empty() ? "" : ", ") + schema.parameters[i].name + " = …";
  }
  wrong(schema, {},
        fmt::format("takes at most {} by position, got {}{}", counted(most, "argument"), given,
                    named.empty() ? "" : "; the others are given by name, in a table at the end: {" + named + "}"));
}

}  // namespace

int conversion_cost(const Type &type, const mrun_value &v) {
  if (v.kind == MRUN_NIL) return type.optional || type.base == Base::any ? 0 : no_fit;
  if (!type.list) return base_cost(type, v);
  if (v.kind != MRUN_LIST) {
    const int cost = base_cost(type, v);
    return cost < 0 ? no_fit : cost + 1;
  }
  if (!length_fits(type, v.as.list.size)) return no_fit;
  int worst = type.fixed > 1 && v.as.list.size == 1 ? 1 : 0;
  for (size_t i = 0; i < v.as.list.size; ++i) {
    const int cost = item_cost(type, v.as.list.items[i]);
    if (cost < 0) return no_fit;
    worst = std::max(worst, cost);
  }
  return worst;
}

void refuse_keyword(const std::string &name, std::span<const Schema *const> forms, const mrun_entry &e) {
  const std::string_view key(e.key.data, e.key.size);
  std::vector<const Parameter *> parameters;
  const Parameter *called = nullptr;
  for (const Schema *form : forms) {
    for (const Parameter &p : form->parameters) {
      parameters.push_back(&p);
      if (!p.is_called(key)) continue;
      if (matches(p.type, e.value)) return;
      if (called == nullptr) called = &p;
    }
  }
  if (called != nullptr) wrong(name, name, called->name, mismatch(called->type, e.value));
  wrong(name, name, {}, no_keyword(key, parameters));
}

int fit(const Schema &schema, std::span<const mrun_value> positional, const mrun_value &keywords) {
  const Binding binding(schema, positional, keywords);
  if (binding.too_many() || binding.bad_keyword() != nullptr) return no_fit;
  int total = 0;
  for (size_t i = 0; i < schema.parameters.size(); ++i) {
    const Parameter &p = schema.parameters[i];
    if (const mrun_value *v = binding.given(i)) {
      const int cost = conversion_cost(p.type, *v);
      if (cost < 0) return no_fit;
      total += cost;
    } else if (!may_miss(p)) {
      return no_fit;
    } else if (i < binding.count() ? !p.type.optional : !p.has_default) {
      total += 1;  // nil where only a default exists; nothing where only nil is accepted
    }
  }
  return total;
}

Arguments::Arguments(const Schema &schema, std::span<const mrun_value> positional, const mrun_value &keywords)
    : size_(schema.parameters.size()) {
  if (size_ > inline_size) {
    heap_.resize(size_);
    data_ = heap_.data();
  }
  const Binding binding(schema, positional, keywords);
  if (binding.too_many()) too_many(schema, binding.count());
  if (const mrun_entry *e = binding.bad_keyword()) {
    const std::string_view key = Binding::key(*e);
    if (!binding.named(key)) wrong_keyword(schema, key);
    wrong(schema, std::string(key), "is given twice");
  }
  for (size_t i = 0; i < size_; ++i) {
    if (const mrun_value *v = binding.given(i)) {
      convert(schema, i, *v);
    } else {
      set_default(schema, i);
    }
  }
}

void Arguments::convert(const Schema &schema, size_t parameter, const mrun_value &v) {
  const Parameter &p = schema.parameters[parameter];
  if (conversion_cost(p.type, v) < 0) wrong(schema, p.name, mismatch(p.type, v));
  if (v.kind == MRUN_OBJECT || v.kind == MRUN_LIST || v.kind == MRUN_MAP) {
    tensor_objects_ = tensor_objects_ || has_tensor_object(p.type, v);
  }
  if (!p.type.list && p.type.base != Base::dict) {
    data_[parameter] = plain(p.type, v);
  } else if (p.type.list ? exact_list(p.type, v) : exact(p.type, v)) {
    data_[parameter] = v;
  } else {
    replace(parameter, converted(p.type, v));
  }
}

void Arguments::set_default(const Schema &schema, size_t parameter) {
  const Parameter &p = schema.parameters[parameter];
  if (!may_miss(p)) wrong(schema, p.name, fmt::format("is missing; want {}", p.type.text()));
  data_[parameter] = p.default_value.c();
}

void Arguments::replace(size_t parameter, Value value) {
  made_.push_back(std::move(value));
  data_[parameter] = made_.back().c();
}

}  // namespace mrun
