#include "value/size.h"

#include <limits>

#include "value/tensor.h"

namespace mrun {
namespace {

constexpr int64_t node_bytes = 64;  // of a value, or behind an object, at least
constexpr int64_t most = std::numeric_limits<int64_t>::max();

int64_t sum(int64_t a, int64_t b) { return b > most - a ? most : a + b; }

int64_t tensor_bytes(const DLTensor &t) {
  return checked_nbytes(t.dtype, {t.shape, static_cast<size_t>(t.ndim)}).value_or(most);
}

}  // namespace

int64_t bytes_of(const mrun_value &v) {
  int64_t bytes = node_bytes;
  if (v.kind == MRUN_STRING) bytes = sum(bytes, static_cast<int64_t>(v.as.string.size));
  if (v.kind == MRUN_TENSOR) bytes = sum(bytes, tensor_bytes(v.as.tensor.dl->dl_tensor));
  for (size_t i = 0; v.kind == MRUN_LIST && i < v.as.list.size; ++i) bytes = sum(bytes, bytes_of(v.as.list.items[i]));
  for (size_t i = 0; v.kind == MRUN_MAP && i < v.as.map.size; ++i) {
    const mrun_entry &e = v.as.map.items[i];
    bytes = sum(sum(bytes, static_cast<int64_t>(e.key.size)), bytes_of(e.value));
  }
  return bytes;
}

}  // namespace mrun
