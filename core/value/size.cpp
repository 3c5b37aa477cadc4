#include "value/size.h"

#include "value/tensor.h"

namespace mrun {
namespace {

constexpr int64_t node_bytes = 64;  // of a value, or behind an object, at least

}  // namespace

int64_t bytes_of(const mrun_value &v) {
  int64_t bytes = node_bytes;
  if (v.kind == MRUN_STRING) bytes += static_cast<int64_t>(v.as.string.size);
  if (v.kind == MRUN_TENSOR) {
    const DLTensor &t = v.as.tensor.dl->dl_tensor;
    int64_t size = static_cast<int64_t>(item_size(t.dtype));
    for (int32_t d = 0; d < t.ndim; ++d) size *= t.shape[d];
    bytes += size;
  }
  for (size_t i = 0; v.kind == MRUN_LIST && i < v.as.list.size; ++i) bytes += bytes_of(v.as.list.items[i]);
  for (size_t i = 0; v.kind == MRUN_MAP && i < v.as.map.size; ++i) {
    bytes += static_cast<int64_t>(v.as.map.items[i].key.size) + bytes_of(v.as.map.items[i].value);
  }
  return bytes;
}

}  // namespace mrun
