#include "report/type_text.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "value/tensor.h"

namespace mrun {
namespace {

constexpr size_t most_parts = 12;
constexpr int deepest_shown = 6;

std::string nested_text(const Value &v, int depth);

std::string list_text(const Value &v, int depth) {
  std::vector<std::string> parts;
  for (const Value &item : v.as_list()) {
    parts.push_back(nested_text(item, depth));
    if (parts.back() != parts.front() && parts.size() > most_parts) break;
  }
  if (std::all_of(parts.begin(), parts.end(), [&](const std::string &p) { return p == parts.front(); })) {
    return parts.empty() ? "[]" : fmt::format("[{} x {}]", parts.front(), parts.size());
  }
  const bool cut = parts.size() > most_parts;
  if (cut) parts.resize(most_parts);
  return fmt::format("[{}{}]", fmt::join(parts, ", "), cut ? ", …" : "");
}

std::string map_text(const Value &v, int depth) {
  if (const Value *bytes = v.find("$bytes"), *type = v.find("type"); bytes != nullptr && type != nullptr) {
    return type->is_string() ? "bytes " + printable(type->as_string(), 40) : "bytes";
  }
  std::vector<std::string> parts;
  for (const Entry &e : v.as_map()) {
    if (parts.size() == most_parts) {
      parts.emplace_back("…");
      break;
    }
    parts.push_back(printable(e.key(), 40) + ": " + nested_text(e.value(), depth));
  }
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

std::string nested_text(const Value &v, int depth) {
  if ((v.is_list() || v.is_map()) && depth == deepest_shown) return "…";
  if (v.is_list()) return list_text(v, depth + 1);
  if (v.is_map()) return map_text(v, depth + 1);
  if (v.is_tensor()) return describe(v.c());
  if (v.is_number()) return "number";  // JSON does not tell 1.0 from 1, so an example's 1 does not mean integers
  return v.is_nil() ? "null" : kind_name(v.kind());
}

}  // namespace

std::string type_text(const Value &v) { return nested_text(v, 0); }

}  // namespace mrun
