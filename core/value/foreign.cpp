#include "value/foreign.h"

#include <fmt/format.h>
#include <mrun/message.hpp>

#include "base/text.h"
#include "value/nesting.h"

namespace mrun {
namespace {

constexpr int deepest = 1000;

class Inspection {
 public:
  explicit Inspection(const Writer &writer) : writer_(writer) {}

  std::string at(const mrun_value &v, int depth) const {
    if (depth + levels_of(v) > deepest) {
      return fmt::format("a value is nested more than {} deep, or contains itself", deepest);
    }
    const bool borrowed = v.owner == nullptr;
    switch (v.kind) {
      case MRUN_NIL:
      case MRUN_BOOL:
      case MRUN_INT:
      case MRUN_FLOAT: return "";
      case MRUN_STRING: return v.as.string.data == nullptr && v.as.string.size > 0 ? "a string's data is NULL" : "";
      case MRUN_TENSOR: {
        const bool made = v.as.tensor.dl != nullptr && v.as.tensor.owner != nullptr;
        return made ? "" : fmt::format("a tensor has no owner: {}", writer_.tensors);
      }
      case MRUN_LIST: return borrowed ? items(v, depth) : "";
      case MRUN_MAP: return borrowed ? entries(v, depth) : "";
      case MRUN_OBJECT: return v.as.object == nullptr ? "an object is NULL" : "";
      case MRUN_FUNCTION:
        if (writer_.functions) return v.as.function == nullptr ? "a function is NULL" : "";
        [[fallthrough]];
      default: return fmt::format("{} has no values of kind {}", writer_.who, v.kind);
    }
  }

 private:
  std::string items(const mrun_value &v, int depth) const {
    const auto &list = v.as.list;
    if (list.items == nullptr && list.size > 0) return "a list's items are NULL";
    std::string wrong;
    for (size_t i = 0; wrong.empty() && i < list.size; ++i) wrong = at(list.items[i], depth + 1);
    return wrong;
  }
  std::string entries(const mrun_value &v, int depth) const {
    const auto &map = v.as.map;
    if (map.items == nullptr && map.size > 0) return "a map's items are NULL";
    std::string wrong;
    for (size_t i = 0; wrong.empty() && i < map.size; ++i) {
      const auto &key = map.items[i].key;
      if (key.data == nullptr && key.size > 0) return "a map's key is NULL";
      if (!valid_utf8({key.data, key.size}))
        return fmt::format("a map's key of {} is not valid UTF-8", counted(key.size, "byte"));
      wrong = at(map.items[i].value, depth + 1);
    }
    return wrong;
  }

  const Writer &writer_;
};

}  // namespace

std::string malformed(const mrun_value &v, const Writer &writer) { return Inspection(writer).at(v, 0); }

}  // namespace mrun
