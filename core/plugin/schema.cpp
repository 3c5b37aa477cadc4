#include "plugin/schema.h"

#include <algorithm>

#include "base/error.h"

namespace mrun {
namespace {

const char *base_text(Base base) {
  switch (base) {
    case Base::tensor: return "Tensor";
    case Base::integer: return "int";
    case Base::number: return "float";
    case Base::boolean: return "bool";
    case Base::string: return "str";
    case Base::scalar: return "Scalar";
    case Base::any: return "Any";
    case Base::callable: return "Callable";
    case Base::device: return "Device";
    case Base::scalar_type: return "ScalarType";
    case Base::generator: return "Generator";
    case Base::dict: return "Dict";
    case Base::object: return "object";
  }
  return "?";
}

// With alias marks and the size of T[n] for a schema, without for messages; `plain` as plugin.hpp writes a signature.
enum class Style { schema, message, plain };

std::string type_text(const Type &type, Style style) {
  std::string text;
  if (type.base == Base::dict) {
    text = fmt::format("Dict(str, {})", type_text(*type.element, style));
  } else if (type.base == Base::object) {
    text = type.object;
  } else if (style == Style::plain && (type.base == Base::scalar_type || type.base == Base::device)) {
    text = "str";
  } else {
    text = base_text(type.base);
  }
  if (style == Style::schema && type.alias != 0) text += fmt::format("({}{})", type.alias, type.written ? "!" : "");
  if (type.list) {
    if (type.element_optional) text += '?';
    text += type.fixed > 0 && style != Style::plain ? fmt::format("[{}]", type.fixed) : "[]";
  }
  if (type.optional) text += '?';
  return text;
}

std::string literal_text(const Value &value) {
  switch (value.kind()) {
    case MRUN_NIL: return "None";
    case MRUN_BOOL: return value.as_bool() ? "True" : "False";
    case MRUN_INT: return fmt::format("{}", value.as_int());
    case MRUN_FLOAT: {
      const std::string text = fmt::format("{}", value.as_number());
      return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
    }
    case MRUN_STRING: {
      std::string text = "'";
      for (const char c : value.as_string()) {
        if (c == '\'' || c == '\\') text += '\\';
        if (c == '\n') {
          text += "\\n";
        } else {
          text += c;
        }
      }
      return text + "'";
    }
    case MRUN_LIST: {
      std::string text = "[";
      for (const Value &item : value.as_list()) {
        if (text.size() > 1) text += ", ";
        text += literal_text(item);
      }
      return text + "]";
    }
    default: return "{}";  // the only map that a schema can say
  }
}

std::string results_text(const Schema &schema, Style style, const char *separator) {
  const auto one = [&](size_t i) {
    const bool named = style == Style::schema && !schema.result_names[i].empty();
    return type_text(schema.results[i], style) + (named ? " " + schema.result_names[i] : "");
  };
  if (schema.results.size() == 1) return one(0);
  std::string text = "(";
  for (size_t i = 0; i < schema.results.size(); ++i) text += (i > 0 ? separator : "") + one(i);
  return text + ")";
}

std::string without_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ') out += c;
  }
  return out;
}

// "a,Dict(str,b)" at its outer commas.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      parts.push_back(text.substr(from, i - from));
      from = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

}  // namespace

bool Parameter::is_called(std::string_view word) const {
  return name == word || std::find(aliases.begin(), aliases.end(), word) != aliases.end();
}

std::string Type::text() const { return type_text(*this, Style::message); }

std::optional<size_t> Schema::find_result(std::string_view wanted) const {
  for (size_t i = 0; i < results.size(); ++i) {
    if ((!result_names[i].empty() && result_names[i] == wanted) || std::to_string(i + 1) == wanted) return i;
  }
  return std::nullopt;
}

std::string Schema::full_name() const {
  if (version > 0) return fmt::format("{}@{}", name, version);
  return overload.empty() ? name : fmt::format("{}:{}", name, overload);
}

std::string Schema::text() const {
  std::string text = full_name() + "(";
  bool keywords = false;
  for (const Parameter &p : parameters) {
    if (text.back() != '(') text += ", ";
    if (p.keyword_only && !keywords) {
      text += "*, ";
      keywords = true;
    }
    text += fmt::format("{} {}", type_text(p.type, Style::schema), p.name);
    if (p.has_default) text += "=" + literal_text(p.default_value);
  }
  return text + ") -> " + results_text(*this, Style::schema, ", ");
}

std::string Schema::signature() const {
  std::string text;
  for (const Parameter &p : parameters) {
    if (!text.empty()) text += ',';
    text += without_spaces(type_text(p.type, Style::plain));
  }
  return text + "->" + without_spaces(results_text(*this, Style::plain, ","));
}

bool serves(std::string_view signature, const Schema &schema) {
  const std::string given = without_spaces(signature), wanted = schema.signature();
  const size_t arrow = given.find("->"), wanted_arrow = wanted.find("->");
  if (arrow == std::string::npos) return false;
  const auto same = [](std::string_view code, std::string_view text, bool argument) {
    if (code == text || code == "Any") return true;
    return argument && code.size() == text.size() + 1 && code.back() == '?' && code.substr(0, text.size()) == text;
  };
  const auto same_list = [&](std::string_view code, std::string_view text, bool argument) {
    const auto codes = split(code), texts = split(text);
    if (codes.size() != texts.size()) return false;
    for (size_t i = 0; i < codes.size(); ++i) {
      if (!same(codes[i], texts[i], argument)) return false;
    }
    return true;
  };
  const auto inner = [](std::string_view results) {
    const bool tuple = results.size() >= 2 && results.front() == '(' && results.back() == ')';
    return tuple ? results.substr(1, results.size() - 2) : results;
  };
  const std::string_view code(given), text(wanted);
  return same_list(code.substr(0, arrow), text.substr(0, wanted_arrow), true) &&
         same_list(inner(code.substr(arrow + 2)), inner(text.substr(wanted_arrow + 2)), false);
}

}  // namespace mrun
