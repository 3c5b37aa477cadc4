#include "backend_types.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/core/jit_type.h>
#include <mrun/plugin_kit.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "convert.h"
#include "shortest.h"

namespace mrun_torch {
namespace {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;
using mrun::host;

// ---- schemas --------------------------------------------------------------------------------------------------------

// The name of a type that may stand in T, T? and T[]; empty: none.
std::string simple_name(const TypePtr &t) {
  switch (t->kind()) {
    case TypeKind::TensorType: return "Tensor";
    case TypeKind::IntType: return "int";
    case TypeKind::FloatType: return "float";
    case TypeKind::BoolType: return "bool";
    case TypeKind::StringType: return "str";
    case TypeKind::NumberType: return "Scalar";
    case TypeKind::DeviceObjType: return "Device";
    default: return "";
  }
}

std::string type_text(const TypePtr &t) {
  if (t->kind() == TypeKind::OptionalType) {
    const std::string inner = type_text(t->expectRef<c10::OptionalType>().getElementType());
    return inner == "Any" ? inner : inner + "?";
  }
  if (t->kind() == TypeKind::ListType) {
    TypePtr element = t->expectRef<c10::ListType>().getElementType();
    const bool optional = element->kind() == TypeKind::OptionalType;
    if (optional) element = element->expectRef<c10::OptionalType>().getElementType();
    const std::string inner = simple_name(element);
    return inner.empty() ? "Any" : inner + (optional ? "?[]" : "[]");
  }
  if (t->kind() == TypeKind::DictType) {
    const auto &dict = t->expectRef<c10::DictType>();
    const std::string inner = simple_name(dict.getValueType());
    const bool by_name = dict.getKeyType()->kind() == TypeKind::StringType && !inner.empty();
    return by_name ? "Dict(str, " + inner + ")" : "Any";
  }
  const std::string name = simple_name(t);
  return name.empty() ? "Any" : name;
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// A default in our notation; empty where it has none.
std::string model_default_text(const IValue &v) {
  if (v.isNone()) return "None";
  if (v.isBool()) return v.toBool() ? "True" : "False";
  if (v.isInt()) return std::to_string(v.toInt());
  if (v.isDouble()) return fraction_text(v.toDouble());
  if (v.isString()) return quoted(v.toStringRef());
  if (!v.isIntList() && !v.isDoubleList() && !v.isBoolList()) return "";
  std::string out = "[";
  for (const IValue &item : v.toListRef()) out += (out.size() > 1 ? ", " : "") + model_default_text(item);
  return out + "]";
}

std::string parameter_text(const c10::Argument &a) {
  std::string type = type_text(a.type());
  if (!a.default_value()) return type + " " + a.name();
  const std::string value = model_default_text(*a.default_value());
  if (!value.empty() && type != "Any") return type + " " + a.name() + "=" + value;
  // nil stands for a default that the notation cannot write; to_ivalue fills it in.
  if (type != "Any" && type.back() != '?') type += "?";
  return type + " " + a.name() + "=None";
}

std::vector<TypePtr> result_types(const c10::FunctionSchema &method) {
  const TypePtr &type = method.returns().at(0).type();
  if (type->kind() == TypeKind::NoneType) return {};
  if (type->kind() == TypeKind::TupleType) return type->expectRef<c10::TupleType>().elements().vec();
  return {type};
}

// ---- arguments ------------------------------------------------------------------------------------------------------

// As the model's author wrote it: of a class its own name, without the module that it was scripted in.
std::string written(const TypePtr &t) {
  return t->annotation_str([](const c10::Type &inner) -> c10::optional<std::string> {
    const auto *named = dynamic_cast<const c10::NamedType *>(&inner);
    if (named == nullptr || !named->name()) return c10::nullopt;
    return named->name()->name();
  });
}

class Reader {
 public:
  Reader(mrun_call *call, const std::string &argument) : call_(call), argument_(argument) {}

  IValue read(const mrun_value &v, const TypePtr &t) {
    switch (t->kind()) {
      case TypeKind::TensorType: return tensor(v, t);
      case TypeKind::IntType: return integer(v, t);
      case TypeKind::FloatType:
        if (v.kind == MRUN_FLOAT) return v.as.number;
        if (v.kind == MRUN_INT) return static_cast<double>(v.as.integer);
        break;
      case TypeKind::BoolType:
        if (v.kind == MRUN_BOOL) return v.as.boolean != 0;
        break;
      case TypeKind::NumberType:
        if (v.kind == MRUN_INT) return v.as.integer;
        if (v.kind == MRUN_FLOAT) return v.as.number;
        if (v.kind == MRUN_BOOL) return v.as.boolean != 0;
        break;
      case TypeKind::StringType:
        if (v.kind == MRUN_STRING) return text(v);
        break;
      case TypeKind::DeviceObjType:
        if (v.kind == MRUN_STRING) return c10::Device(text(v));
        break;
      case TypeKind::NoneType:
        if (v.kind == MRUN_NIL) return {};
        break;
      case TypeKind::OptionalType:
        return v.kind == MRUN_NIL ? IValue() : read(v, t->expectRef<c10::OptionalType>().getElementType());
      case TypeKind::ListType: return list(v, t);
      case TypeKind::TupleType: return tuple(v, t);
      case TypeKind::DictType: return dict(v, t);
      case TypeKind::UnionType: return one_of(v, t);
      case TypeKind::AnyType: return anything(v);
      case TypeKind::ClassType:
      case TypeKind::EnumType:
      case TypeKind::InterfaceType:
        throw mrun::error(MRUN_ARGUMENT,
                          place() + ": " + written(t) + " is a class, of which no object can enter a model");
      default: break;
    }
    refuse(v, t);
  }

 private:
  // Where in the argument what is read next stands; in words where it is refused alone, since lists are long.
  struct Part {
    const std::string *name;  // of an entry or a field; null: an item of a list
    size_t number;
  };
  class Inside {
   public:
    Inside(Reader &reader, Part part) : parts_(reader.parts_) { parts_.push_back(part); }
    ~Inside() { parts_.pop_back(); }
    Inside(const Inside &) = delete;
    Inside &operator=(const Inside &) = delete;

   private:
    std::vector<Part> &parts_;
  };

  // "x: item 2: name"
  std::string place() const {
    std::string text = argument_;
    for (const Part &p : parts_) text += ": " + (p.name != nullptr ? *p.name : "item " + std::to_string(p.number));
    return text;
  }
  [[noreturn]] void refuse(const mrun_value &v, const TypePtr &t) const {
    throw mrun::error(MRUN_ARGUMENT, place() + ": want " + written(t) + ", got " + mrun::came_text(v));
  }
  static std::string text(const mrun_value &v) { return {v.as.string.data, v.as.string.size}; }

  IValue item(const mrun_value &list, size_t i, const TypePtr &t) {
    const Inside inside(*this, {nullptr, i + 1});
    return read(list.as.list.items[i], t);
  }
  IValue tensor(const mrun_value &v, const TypePtr &t) const {
    if (v.kind != MRUN_TENSOR) refuse(v, t);
    return from_value(call_, v);
  }
  IValue integer(const mrun_value &v, const TypePtr &t) const {
    if (v.kind == MRUN_INT) return v.as.integer;
    // Numbers inside lists and tables come from scripts as floats.
    if (v.kind == MRUN_FLOAT && std::trunc(v.as.number) == v.as.number && std::fabs(v.as.number) < 9.2e18) {
      return static_cast<int64_t>(v.as.number);
    }
    refuse(v, t);
  }
  IValue list(const mrun_value &v, const TypePtr &t) {
    if (v.kind != MRUN_LIST) refuse(v, t);
    const TypePtr &element = t->expectRef<c10::ListType>().getElementType();
    c10::impl::GenericList out(element);
    out.reserve(v.as.list.size);
    for (size_t i = 0; i < v.as.list.size; ++i) out.push_back(item(v, i, element));
    return out;
  }
  IValue tuple(const mrun_value &v, const TypePtr &t) {
    const auto &type = t->expectRef<c10::TupleType>();
    const auto types = type.elements();
    if (v.kind == MRUN_MAP && type.schema() != nullptr) return named_tuple(v, t);
    if (v.kind != MRUN_LIST) refuse(v, t);
    if (v.as.list.size != types.size()) {
      throw mrun::error(MRUN_ARGUMENT, place() + ": want " + written(t) + fields(type) + ", got a list of " +
                                           std::to_string(v.as.list.size));
    }
    std::vector<IValue> items;
    for (size_t i = 0; i < types.size(); ++i) items.push_back(item(v, i, types[i]));
    return c10::ivalue::Tuple::createNamed(std::move(items), t->cast<c10::TupleType>());
  }
  IValue named_tuple(const mrun_value &v, const TypePtr &t) {
    const auto &type = t->expectRef<c10::TupleType>();
    std::vector<IValue> items;
    size_t found = 0;
    for (const c10::Argument &field : type.schema()->arguments()) {
      const mrun_value *given = entry(v, field.name());
      if (given != nullptr) ++found;
      if (given == nullptr && field.default_value()) {
        items.push_back(*field.default_value());
        continue;
      }
      const Inside inside(*this, {&field.name(), 0});
      items.push_back(read(given != nullptr ? *given : mrun_value{}, field.type()));
    }
    if (found < v.as.map.size) {
      throw mrun::error(MRUN_ARGUMENT, place() + ": want " + written(t) + fields(type) + ", got a table of " +
                                           std::to_string(v.as.map.size));
    }
    return c10::ivalue::Tuple::createNamed(std::move(items), t->cast<c10::TupleType>());
  }
  // " (x, y)" of a NamedTuple.
  static std::string fields(const c10::TupleType &type) {
    if (type.schema() == nullptr) return "";
    std::string names;
    for (const c10::Argument &field : type.schema()->arguments()) names += (names.empty() ? "" : ", ") + field.name();
    return " (" + names + ")";
  }
  static const mrun_value *entry(const mrun_value &map, const std::string &name) {
    for (size_t i = 0; i < map.as.map.size; ++i) {
      const mrun_entry &e = map.as.map.items[i];
      if (name.compare(0, std::string::npos, e.key.data, e.key.size) == 0) return &e.value;
    }
    return nullptr;
  }
  IValue dict(const mrun_value &v, const TypePtr &t) {
    const auto &type = t->expectRef<c10::DictType>();
    const bool empty_list = v.kind == MRUN_LIST && v.as.list.size == 0;  // Lua's {} is a list
    if (v.kind != MRUN_MAP && !empty_list) refuse(v, t);
    c10::impl::GenericDict out(type.getKeyType(), type.getValueType());
    for (size_t i = 0; !empty_list && i < v.as.map.size; ++i) {
      const mrun_entry &e = v.as.map.items[i];
      const std::string name(e.key.data, e.key.size);
      const Inside inside(*this, {&name, 0});
      out.insert(key(name, t), read(e.value, type.getValueType()));
    }
    return out;
  }
  IValue key(const std::string &name, const TypePtr &t) const {
    const TypeKind kind = t->expectRef<c10::DictType>().getKeyType()->kind();
    if (kind == TypeKind::StringType) return name;
    int64_t number = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (kind == TypeKind::IntType && code == std::errc() && end == name.data() + name.size()) return number;
    throw mrun::error(MRUN_ARGUMENT, place() + ": is no key of " + written(t));
  }
  // The first that takes it; float last, since it takes whole numbers, too.
  IValue one_of(const mrun_value &v, const TypePtr &t) {
    for (const bool floats : {false, true}) {
      for (const TypePtr &each : t->containedTypes()) {
        if ((each->kind() == TypeKind::FloatType) != floats) continue;
        try {
          return read(v, each);
        } catch (const mrun::error &e) {
          if (e.code != MRUN_ARGUMENT) throw;  // it is not this one
        }
      }
    }
    refuse(v, t);
  }
  IValue anything(const mrun_value &v) const {
    switch (v.kind) {
      case MRUN_NIL: return {};
      case MRUN_BOOL: return v.as.boolean != 0;
      case MRUN_INT: return v.as.integer;
      case MRUN_FLOAT: return v.as.number;
      case MRUN_STRING: return text(v);
      case MRUN_TENSOR: return from_value(call_, v);
      default:
        throw mrun::error(
            MRUN_ARGUMENT,
            place() + ": want nil, a boolean, a number, a string or a tensor for Any, got " + mrun::came_text(v));
    }
  }

  mrun_call *call_;
  const std::string &argument_;
  std::vector<Part> parts_;
};

// ---- results --------------------------------------------------------------------------------------------------------

class Writer {
 public:
  Writer(mrun_call *call, const std::function<bool(const at::Tensor &)> &is_shared, bool named)
      : call_(call), is_shared_(is_shared), named_(named) {}

  mrun::value write(const IValue &v) const {
    mrun_value out{};
    if (v.isNone()) return mrun::value(out);
    if (v.isTensor()) return mrun::value(to_value(call_, v.toTensor(), is_shared_(v.toTensor())));
    if (v.isBool()) {
      out.kind = MRUN_BOOL, out.as.boolean = v.toBool();
    } else if (v.isInt()) {
      out.kind = MRUN_INT, out.as.integer = v.toInt();
    } else if (v.isDouble()) {
      out.kind = MRUN_FLOAT, out.as.number = v.toDouble();
    } else if (v.isString() || v.isDevice()) {
      const std::string text = v.isString() ? v.toStringRef() : v.toDevice().str();
      mrun::check(host->string_new(call_, text.data(), text.size(), &out));
    } else if (v.isList()) {
      return list(v.toListRef());
    } else if (v.isTuple()) {
      return tuple(v.toTupleRef());
    } else if (v.isGenericDict()) {
      return map(v.toGenericDict());
    } else {
      throw mrun::error(MRUN_MODEL,
                        "the model returned a value of type " + written(v.type()) + ", which cannot leave it");
    }
    return mrun::value(out);
  }

 private:
  // A NamedTuple is a table of its fields, as it may be where it is an argument.
  mrun::value tuple(const c10::ivalue::Tuple &given) const {
    const std::vector<IValue> items = given.elements().vec();
    const auto type = named_ ? given.type<c10::TupleType>() : nullptr;
    if (!type || type->schema() == nullptr) return list(items);
    std::vector<std::string> names;
    std::vector<mrun::value> owned;
    for (size_t i = 0; i < items.size(); ++i) {
      names.push_back(type->schema()->arguments()[i].name());
      owned.push_back(write(items[i]));
    }
    return table(names, owned);
  }
  mrun::value list(c10::ArrayRef<IValue> items) const {
    std::vector<mrun::value> owned;
    owned.reserve(items.size());
    for (const IValue &item : items) owned.push_back(write(item));
    std::vector<mrun_value> raw;
    for (mrun::value &item : owned) raw.push_back(item.release());
    mrun_value out{};
    mrun::check(host->list_new(call_, raw.data(), raw.size(), &out));
    return mrun::value(out);
  }
  mrun::value map(const c10::impl::GenericDict &dict) const {
    std::vector<std::string> keys;
    std::vector<mrun::value> owned;
    for (const auto &entry : dict) {
      const IValue &key = entry.key();
      if (!key.isString() && !key.isInt()) {
        throw mrun::error(MRUN_MODEL, "the model returned a Dict whose keys are neither str nor int");
      }
      keys.push_back(key.isString() ? key.toStringRef() : std::to_string(key.toInt()));
      owned.push_back(write(entry.value()));
    }
    return table(keys, owned);
  }
  mrun::value table(const std::vector<std::string> &keys, std::vector<mrun::value> &owned) const {
    std::vector<mrun_entry> entries;
    for (size_t i = 0; i < keys.size(); ++i) {
      entries.push_back({{keys[i].data(), keys[i].size()}, owned[i].release()});
    }
    mrun_value out{};
    mrun::check(host->map_new(call_, entries.data(), entries.size(), &out));
    return mrun::value(out);
  }

  mrun_call *call_;
  const std::function<bool(const at::Tensor &)> &is_shared_;
  bool named_;
};

bool may_be_named(const TypePtr &t) {
  if (t->kind() == TypeKind::AnyType) return true;
  if (t->kind() == TypeKind::TupleType && t->expectRef<c10::TupleType>().schema() != nullptr) return true;
  const auto inner = t->containedTypes();
  return std::any_of(inner.begin(), inner.end(), may_be_named);
}

}  // namespace

std::string schema_text(const c10::FunctionSchema &method) {
  std::string out = method.name() + "(";
  bool keyword_only = false;
  for (size_t i = 1; i < method.arguments().size(); ++i) {
    const c10::Argument &a = method.arguments()[i];
    if (i > 1) out += ", ";
    if (a.kwarg_only() && !keyword_only) out += "*, ";
    keyword_only = keyword_only || a.kwarg_only();
    out += parameter_text(a);
  }
  const std::vector<TypePtr> results = result_types(method);
  const auto *tuple = dynamic_cast<const c10::TupleType *>(method.returns().at(0).type().get());
  const bool named = tuple != nullptr && tuple->schema() != nullptr;  // a NamedTuple: [batch] unpad may say its fields
  std::string text;
  for (size_t i = 0; i < results.size(); ++i) {
    text += (i == 0 ? "" : ", ") + type_text(results[i]);
    if (named) text += " " + tuple->schema()->arguments()[i].name();
  }
  return out + ") -> " + (results.size() == 1 ? text : "(" + text + ")");
}

ResultShape result_shape(const c10::FunctionSchema &method) {
  const std::vector<TypePtr> types = result_types(method);
  return {types.size(), method.returns().at(0).type()->kind() == TypeKind::TupleType,
          std::any_of(types.begin(), types.end(), may_be_named)};
}

IValue to_ivalue(mrun_call *call, const mrun_value &v, const c10::Argument &argument) {
  if (v.kind == MRUN_NIL && argument.default_value()) return *argument.default_value();
  return Reader(call, argument.name()).read(v, argument.type());
}

mrun_value from_ivalue(mrun_call *call, const IValue &v, const std::function<bool(const at::Tensor &)> &is_shared,
                       bool named) {
  return Writer(call, is_shared, named).write(v).release();
}

}  // namespace mrun_torch
