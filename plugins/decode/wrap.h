// What the files that register operations share: checks with messages, and tensors from plain memory.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "error.h"
#include "operations.h"

namespace decode {

// The elements of a tensor on the CPU, row-major, as floats or doubles; float16, bfloat16, float32, float64.
std::vector<float> floats_of(const mrun::call &, const mrun::tensor &, const std::string &what);
std::vector<double> doubles_of(const mrun::call &, const mrun::tensor &, const std::string &what);
// A 1-D tensor of integers, or a list of them.
std::vector<int64_t> integers_of(const mrun::call &, const mrun_value &, const std::string &what);

template <class T>
mrun::tensor tensor_of(const mrun::call &c, DLDataType type, const std::vector<int64_t> &shape,
                       const std::vector<T> &values) {
  mrun::tensor t = mrun::tensor::empty(c, type, shape);
  std::copy(values.begin(), values.end(), t.data<T>());
  return t;
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
