#include "operations.h"

namespace decode {

std::vector<int64_t> integers_of(const mrun::call &c, const mrun_value &v, const std::string &what) {
  const mrun::value given = mrun::value::copy(c, v);
  if (given.kind() == MRUN_TENSOR) {
    const mrun::tensor t(c, v);
    want_cpu(t, what);
    if (t.dim() != 1) mrun::refuse(what + ": want a tensor of one dimension, got " + mrun::shape_text(t));
    if (t.dtype().code != kDLInt && t.dtype().code != kDLUInt)
      mrun::refuse(what + ": want integers, got " + mrun::came_text(t));
  } else if (given.kind() != MRUN_LIST) {
    mrun::refuse(what + ": want a list of integers, or a tensor of them, got " + mrun::came_text(given));
  }
  return mrun::numbers<int64_t>(c, given, what.c_str());
}

}  // namespace decode
