#include "value/equal.h"

#include <algorithm>
#include <cmath>

namespace mrun {
namespace {

bool equal_numbers(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool equal_tensors(const Tensor &a, const Tensor &b) {
  if (!(a.dtype() == b.dtype()) || a.shape() != b.shape()) return false;
  return a.contiguous().bytes() == b.contiguous().bytes();
}

}  // namespace

bool equal(const Value &a, const Value &b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case MRUN_NIL: return true;
    case MRUN_BOOL: return a.as_bool() == b.as_bool();
    case MRUN_INT: return a.as_int() == b.as_int();
    case MRUN_FLOAT: return equal_numbers(a.as_number(), b.as_number());
    case MRUN_STRING: return a.as_string() == b.as_string();
    case MRUN_TENSOR: return equal_tensors(a.as_tensor(), b.as_tensor());
    case MRUN_LIST: return std::ranges::equal(a.as_list(), b.as_list(), equal);
    case MRUN_MAP:
      return std::ranges::equal(a.as_map(), b.as_map(), [](const Entry &x, const Entry &y) {
        return x.key() == y.key() && equal(x.value(), y.value());
      });
    case MRUN_OBJECT: return a.c().as.object == b.c().as.object;
    case MRUN_FUNCTION: return a.c().as.function == b.c().as.function;
    default: return false;
  }
}

}  // namespace mrun
