#include "value/map_tensors.h"

namespace mrun {

Value map_leaves(const Value &v, const std::function<Value(const Value &)> &f) {
  if (v.is_list()) {
    std::vector<Value> items;
    for (const Value &inner : v.as_list()) items.push_back(map_leaves(inner, f));
    return Value::list(std::move(items));
  }
  if (!v.is_map()) return f(v);
  std::vector<std::pair<std::string, Value>> entries;
  for (const Entry &e : v.as_map()) entries.emplace_back(std::string(e.key()), map_leaves(e.value(), f));
  return Value::map(std::move(entries));
}

Value map_tensors(const Value &v, const std::function<Value(const Tensor &)> &f) {
  return map_leaves(v, [&f](const Value &leaf) { return leaf.is_tensor() ? f(leaf.as_tensor()) : leaf; });
}

}  // namespace mrun
