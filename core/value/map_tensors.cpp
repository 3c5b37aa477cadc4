#include "value/map_tensors.h"

namespace mrun {

Value map_tensors(const Value &v, const std::function<Value(const Tensor &)> &f) {
  if (v.is_tensor()) return f(v.as_tensor());
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &inner : v.as_list()) items.push_back(map_tensors(inner, f));
    return Value::list(std::move(items));
  }
  if (!v.is_map()) return v;
  std::vector<std::pair<std::string, Value>> entries;
  for (const Entry &e : v.as_map()) entries.emplace_back(std::string(e.key()), map_tensors(e.value(), f));
  return Value::map(std::move(entries));
}

}  // namespace mrun
