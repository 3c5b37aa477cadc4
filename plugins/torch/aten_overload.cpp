#include "aten_overload.h"

#include <ATen/core/enum_tag.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>

#include <optional>

#include "aten_rules.h"
#include "convert.h"
#include "shortest.h"

namespace mrun_torch {
namespace {

using c10::TypeKind;

// What a type of ATen's is to a script, and its name in the host's notation.
struct ScriptType {
  Kind kind;
  std::string text;  // "Tensor?[]"
};

std::optional<ScriptType> plain_type(const c10::TypePtr &type) {
  switch (type->kind()) {
    case TypeKind::TensorType: return ScriptType{Kind::tensor, "Tensor"};
    case TypeKind::IntType:
    case TypeKind::SymIntType: return ScriptType{Kind::integer, "int"};
    case TypeKind::FloatType: return ScriptType{Kind::number, "float"};
    case TypeKind::BoolType: return ScriptType{Kind::boolean, "bool"};
    case TypeKind::StringType: return ScriptType{Kind::string, "str"};
    case TypeKind::NumberType: return ScriptType{Kind::scalar, "Scalar"};
    case TypeKind::ScalarTypeType: return ScriptType{Kind::scalar_type, "ScalarType"};
    case TypeKind::DeviceObjType: return ScriptType{Kind::device, "Device"};
    default: return std::nullopt;
  }
}

std::optional<Kind> list_kind(Kind element, bool optional) {
  if (optional) return element == Kind::tensor ? std::optional(Kind::optional_tensors) : std::nullopt;
  switch (element) {
    case Kind::tensor: return Kind::tensors;
    case Kind::integer: return Kind::integers;
    case Kind::number: return Kind::numbers;
    case Kind::boolean: return Kind::booleans;
    case Kind::scalar: return Kind::scalars;
    default: return std::nullopt;
  }
}

// fixed: the N of int[N], 0 for int[].
std::optional<ScriptType> script_type(const c10::TypePtr &type, int32_t fixed) {
  if (const auto *optional = type->castRaw<c10::OptionalType>()) {
    auto inner = script_type(optional->getElementType(), fixed);
    if (inner) inner->text += '?';
    return inner;
  }
  const auto *list = type->castRaw<c10::ListType>();
  if (list == nullptr) return plain_type(type);
  c10::TypePtr element = list->getElementType();
  const auto *optional = element->castRaw<c10::OptionalType>();
  if (optional != nullptr) element = optional->getElementType();
  auto inner = plain_type(element);
  if (!inner) return std::nullopt;
  const std::optional<Kind> kind = list_kind(inner->kind, optional != nullptr);
  if (!kind) return std::nullopt;
  inner->kind = *kind;
  inner->text += optional != nullptr ? "?[" : "[";
  if (fixed > 0) inner->text += std::to_string(fixed);
  inner->text += ']';
  return inner;
}

// Nothing where the notation has no word for it.
std::optional<std::string> default_text(const c10::IValue &v, Kind kind) {
  if (v.isNone()) return "None";
  if (v.isBool()) return v.toBool() ? "True" : "False";
  if (v.isInt() && kind == Kind::scalar_type) {
    return "'" + std::string(dtype_name(static_cast<c10::ScalarType>(v.toInt()))) + "'";
  }
  if (v.isInt()) return std::to_string(v.toInt());
  if (v.isDouble()) return fraction_text(v.toDouble());
  if (v.isString()) return "'" + v.toStringRef() + "'";
  if (!v.isList()) return std::nullopt;
  std::string text = "[";
  for (const c10::IValue &item : v.toListRef()) {
    const auto inner = default_text(item, Kind::integer);
    if (!inner) return std::nullopt;
    text += (text.size() > 1 ? ", " : "") + *inner;
  }
  return text + "]";
}

bool is_generator(const c10::Argument &a) {
  const auto *optional = a.real_type()->castRaw<c10::OptionalType>();
  return (optional != nullptr ? optional->getElementType() : a.real_type())->kind() == TypeKind::GeneratorType;
}

// Python's words for what ATen calls otherwise: its own, and NumPy's, which it takes too.
struct Words {
  std::string_view aten;
  std::vector<std::string_view> python;
};

std::string names_of(const c10::Argument &a, const c10::FunctionSchema &schema) {
  static const Words all[] = {
      {"self", {"input", "x", "a", "x1"}}, {"other", {"x2"}}, {"dim", {"axis"}}, {"keepdim", {"keepdims"}}};
  std::string names = a.name();
  for (const Words &words : all) {
    if (words.aten != a.name()) continue;
    for (const std::string_view word : words.python) {
      if (!schema.argumentIndexWithName(std::string(word))) names += '|' + std::string(word);
    }
  }
  return names;
}

// Appends one visible parameter to the schema's text. False where its type is not supported.
bool add_parameter(const c10::Argument &a, char &alias, Overload &o, std::string &text) {
  const auto type = script_type(a.real_type(), a.N() ? *a.N() : 0);
  if (!type) return false;
  std::string type_text = type->text;
  if (a.alias_info() != nullptr && a.alias_info()->isWrite()) {
    o.written.push_back(o.parameters.size());
    type_text.insert(std::string_view("Tensor").size(), std::string("(") + alias++ + "!)");
  }
  o.parameters.push_back(type->kind);
  text += type_text + ' ' + names_of(a, o.op.schema());
  if (!a.default_value()) return true;
  const auto value = default_text(*a.default_value(), type->kind);
  if (value) text += '=' + *value;
  return value.has_value();
}

void note_effect(const c10::Argument &a, Overload &o) {
  const size_t index = o.parameters.size();
  const std::string &name = a.name();
  if (dropout_parameter(a)) o.dropout = static_cast<int>(index);
  if (name == "training" || name == "use_input_stats") o.training = static_cast<int>(index);
  if (name == "running_mean" || name == "running_var") o.running.push_back(index);
}

bool add_parameters(Overload &o, std::string &text) {
  bool first = true, keywords = false;
  char alias = 'a';
  for (const c10::Argument &a : o.op.schema().arguments()) {
    o.defaults.push_back(a.default_value() ? *a.default_value() : c10::IValue());
    if (hidden_parameter(a)) {
      o.parameters.push_back(is_generator(a) ? Kind::generator : Kind::hidden);
      continue;
    }
    if (!first) text += ", ";
    first = false;
    if (a.kwarg_only() && !keywords) {
      text += "*, ";
      keywords = true;
    }
    note_effect(a, o);
    if (!add_parameter(a, alias, o, text)) return false;
  }
  return true;
}

bool add_results(Overload &o, std::string &text) {
  const auto &returns = o.op.schema().returns();
  if (returns.size() != 1) text += '(';
  for (const c10::Argument &r : returns) {
    const auto type = script_type(r.real_type(), r.N() ? *r.N() : 0);
    if (!type) return false;
    if (!o.results.empty()) text += ", ";
    o.results.push_back(type->kind);
    text += type->text;
  }
  if (returns.size() != 1) text += ')';
  return true;
}

}  // namespace

std::unique_ptr<Overload> make_overload(const c10::OperatorHandle &op) {
  const c10::FunctionSchema &schema = op.schema();
  const bool seeded = op.hasTag(at::Tag::nondeterministic_seeded);
  if (denied_overload(schema, seeded)) return nullptr;
  const std::string name = schema.name().substr(std::string_view("aten::").size());
  auto o = std::make_unique<Overload>(op);
  o->schema = "aten." + name;
  if (!schema.overload_name().empty()) o->schema += ':' + schema.overload_name();
  o->schema += '(';
  if (!add_parameters(*o, o->schema)) return nullptr;
  o->schema += ") -> ";
  if (!add_results(*o, o->schema)) return nullptr;
  o->doc = "libtorch's `" + name + "`.";
  o->info = {sizeof(mrun_op),
             seeded && o->dropout < 0 ? uint32_t{MRUN_OP_RANDOM} : 0,
             o->schema.c_str(),
             o->doc.c_str(),
             nullptr,
             &call_overload,
             o.get()};
  return o;
}

}  // namespace mrun_torch
