#include "exec/batch/rows.h"

#include <algorithm>
#include <optional>

#include "value/map_tensors.h"

namespace mrun {
namespace {

std::optional<int64_t> first_rows(const Value &v) {
  if (v.is_tensor()) return v.as_tensor().dim() > 0 ? v.as_tensor().size(0) : 1;
  std::optional<int64_t> rows;
  if (v.is_list()) {
    for (size_t i = 0; i < v.as_list().size() && !rows; ++i) rows = first_rows(v.as_list()[i]);
  } else if (v.is_map()) {
    for (size_t i = 0; i < v.as_map().size() && !rows; ++i) rows = first_rows(v.as_map()[i].value());
  }
  return rows;
}

}  // namespace

int64_t count_rows(std::span<const Value> arguments) {
  for (const Value &v : arguments) {
    if (const auto rows = first_rows(v)) return *rows;
  }
  return 1;
}

Value rows_of(const Value &v, int64_t from, int64_t count) {
  return map_tensors(v, [from, count](const Tensor &t) {
    if (t.dim() == 0) return t;
    Shape shape = t.shape();
    shape[0] = std::clamp<int64_t>(shape[0] - from, 0, count);
    return t.view(shape, t.strides(), shape[0] == 0 ? 0 : from * t.strides()[0]);
  });
}

}  // namespace mrun
