#include "exec/batch/rows.h"

#include <algorithm>

#include "value/map_tensors.h"

namespace mrun {

Value rows_of(const Value &v, int64_t from, int64_t count) {
  return map_tensors(v, [from, count](const Tensor &t) {
    if (t.dim() == 0) return t;
    Shape shape = t.shape();
    shape[0] = std::clamp<int64_t>(shape[0] - from, 0, count);
    return t.view(shape, t.strides(), shape[0] == 0 ? 0 : from * t.strides()[0]);
  });
}

}  // namespace mrun
