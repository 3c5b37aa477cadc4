#include "exec/params.h"

#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/article.h"
#include "base/error.h"
#include "base/text.h"

namespace mrun {
namespace {

// For a name that is not declared: a parameter of that name inside a table, else those that look like it.
std::string hint(std::string_view name, const std::vector<std::string> &declared) {
  std::vector<std::string> inside;
  for (const std::string &d : declared) {
    if (d.ends_with(fmt::format(".{}", name))) inside.push_back(d);
  }
  if (!inside.empty()) return fmt::format("; did you mean '{}'?", inside.front());
  return did_you_mean(name, declared);
}

Value converted(const Value &declared, const Value &given, const std::string &name, const Value &all);

[[noreturn]] void refuse_undeclared(const std::string &name, const Value &all) {
  const std::vector<std::string> names = names_of_params(all);
  constexpr size_t most = 20;
  std::string advice = hint(name, names);
  if (advice.empty() && names.size() <= most) {
    advice = names.empty() ? ", which has none"
                           : fmt::format("; there are: {}", printable(fmt::format("{}", fmt::join(names, ", ")), 500));
  }
  fail(MRUN_USAGE, "parameter {}: not declared in bundle.toml's [params]{}", printable(name, 60), advice);
}

std::string described(const Value &v) {
  return v.is_string() ? fmt::format("the text \"{}\"", printable(v.as_string(), 60)) : describe(v.c());
}

// How a value of the declared kind is written, where a text came.
const char *spelling(const Value &declared, const Value &given) {
  if (!given.is_string()) return "";
  switch (declared.kind()) {
    case MRUN_BOOL: return "; it is written true or false";
    case MRUN_INT: return "; it is written as 5, and fits 64 bits";
    case MRUN_FLOAT: return "; it is written as 0.5 or 1e-4";
    case MRUN_LIST: return "; it is written as JSON: [1, 2] or [\"a\", \"b\"]";
    case MRUN_MAP: return "; it is written as JSON, {\"key\": 1}, or by its keys, NAME.KEY=VALUE";
    default: return "";
  }
}

// A table overrides the keys that it has. One that is declared empty is for any.
Value merged(const Value &declared, const Value &given, const std::string &name, const Value &all) {
  if (declared.as_map().empty()) return given;
  for (const Entry &e : given.as_map()) {
    if (declared.find(e.key()) == nullptr) refuse_undeclared(fmt::format("{}.{}", name, e.key()), all);
  }
  std::vector<std::pair<std::string, Value>> entries;
  for (const Entry &e : declared.as_map()) {
    const Value *other = given.find(e.key());
    entries.emplace_back(
        std::string(e.key()),
        other == nullptr ? e.value() : converted(e.value(), *other, fmt::format("{}.{}", name, e.key()), all));
  }
  return Value::map(std::move(entries));
}

// An integer that 64 bits do not hold stayed a text where --param was read; as a number it is the nearest one.
std::optional<double> large_integer(const Value &given) {
  if (!given.is_string()) return std::nullopt;
  std::string_view digits = given.as_string();
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (error != std::errc() || digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
    return std::nullopt;
  return number;
}

// The override as the declared type: an integral number fits an integer, an integer fits a number.
Value converted(const Value &declared, const Value &given, const std::string &name, const Value &all) {
  if (declared.is_int() && given.is_float() && given.as_number() == std::floor(given.as_number()) &&
      std::abs(given.as_number()) <= 9007199254740992.0) {  // 2^53: beyond it a double is no exact integer
    return Value::integer(static_cast<int64_t>(given.as_number()));
  }
  if (declared.is_float() && given.is_int()) return Value::number(given.as_number());
  if (const auto large = large_integer(given); declared.is_float() && large) return Value::number(*large);
  if (declared.kind() != given.kind()) {
    const char *wanted = declared.is_int() ? "integer" : kind_name(declared.kind());
    fail(MRUN_USAGE, "parameter {}: want {} (as in bundle.toml), got {}{}", name, with_article(wanted),
         described(given), spelling(declared, given));
  }
  if (declared.is_map()) return merged(declared, given, name, all);
  return given;
}

Value replaced(const Value &params, std::string_view rest, const Value &given, const std::string &name,
               const Value &all) {
  const size_t dot = rest.find('.');
  const Value *whole = params.find(rest);
  const std::string_view key = whole != nullptr ? rest : rest.substr(0, dot);
  const Value *declared = params.find(key);
  if (declared == nullptr || (key != rest && !declared->is_map())) { refuse_undeclared(name, all); }
  std::vector<std::pair<std::string, Value>> entries;
  for (const Entry &e : params.as_map()) {
    Value v = e.value();
    if (e.key() == key) {
      v = key == rest ? converted(v, given, name, all) : replaced(v, rest.substr(dot + 1), given, name, all);
    }
    entries.emplace_back(std::string(e.key()), std::move(v));
  }
  return Value::map(std::move(entries));
}

}  // namespace

std::vector<std::string> names_of_params(const Value &params, const std::string &prefix) {
  std::vector<std::string> names;
  for (const Entry &e : params.as_map()) {
    const std::string name = prefix + std::string(e.key());
    names.push_back(name);
    if (!e.value().is_map()) continue;
    for (std::string &inner : names_of_params(e.value(), name + ".")) names.push_back(std::move(inner));
  }
  return names;
}

Value override_params(const Value &params, const Value &overrides) {
  Value result = params.is_nil() ? Value::map({}) : params;
  const Value declared = result;
  if (overrides.is_nil()) return result;
  if (!overrides.is_map()) fail(MRUN_USAGE, "parameter overrides: want a table, got {}", describe(overrides.c()));
  for (const Entry &e : overrides.as_map()) {
    const std::string name(e.key());
    result = replaced(result, name, e.value(), name, declared);
  }
  return result;
}

}  // namespace mrun
