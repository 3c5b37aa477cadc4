// What the files that register operations share: each add_* has one file's operations; checks with messages, and tensors
// from plain memory.
#pragma once
#include <mrun/plugin_kit.hpp>

#include <algorithm>

#include "error.h"

namespace decode {

void add_constraint(const mrun::registrar &);
void add_ctc(const mrun::registrar &);
void add_nms(const mrun::registrar &);
void add_search(const mrun::registrar &);
void add_topk(const mrun::registrar &);

inline void want_cpu(const mrun::tensor &t, const std::string &what) {
  if (!t.on_cpu()) mrun::refuse(what + ": want a tensor on the CPU; move it with :cpu()");
}

// The elements of a tensor of floats on the CPU, row-major. T: float or double.
template <class T>
std::vector<T> floats_of(const mrun::call &c, const mrun::tensor &t, const std::string &what) {
  want_cpu(t, what);
  if (t.dtype().code != kDLFloat && t.dtype().code != kDLBfloat)
    mrun::refuse(what + ": want a tensor of floats, got " + mrun::came_text(t));
  return mrun::numbers<T>(c, t, what.c_str());
}

// A 1-D tensor of integers, or a list of them.
std::vector<int64_t> integers_of(const mrun::call &, const mrun_value &, const std::string &what);

template <class T>
mrun::tensor tensor_of(const mrun::call &c, DLDataType type, const std::vector<int64_t> &shape,
                       const std::vector<T> &values) {
  mrun::tensor t = mrun::tensor::empty(c, type, shape);
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
}
inline mrun::tensor positions_tensor(const mrun::call &c, const std::vector<int64_t> &positions) {
  return tensor_of(c, mrun::int64, {static_cast<int64_t>(positions.size())}, positions);
}

// Runs what may throw the library's Error, which becomes the operation's; names the operation in messages that do not.
template <class Body>
auto translated(const char *operation, Body &&body) {
  try {
    return body();
  } catch (const Error &e) {
    const int code = e.kind == Error::setting ? MRUN_ARGUMENT : e.kind == Error::model ? MRUN_MODEL : MRUN_SCRIPT;
    throw mrun::error(code, std::string(operation) + ": " + e.what());
  } catch (const mrun::error &e) {
    if (e.text.rfind("decode.", 0) == 0) throw;
    throw mrun::error(e.code, std::string(operation) + ": " + e.text);
  }
}

}  // namespace decode
