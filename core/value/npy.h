// .npy, NumPy's file of one array: versions 1.0, 2.0 and 3.0 are read, 1.0 is written.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "value/tensor.h"

namespace mrun {

// `bytes`: 1-D uint8. The tensor is a view that keeps it alive, read-only if it is (a copy where its elements lie
// unaligned); column-major arrays get column-major strides. Booleans, integers, floats of 16 to 64 bits and complex
// numbers, little-endian; objects, texts, dates, records and long doubles are refused. Everything is checked before
// anything is made. Errors throw `code` and begin with `name`: the file's.
Tensor read_npy(const Tensor &bytes, std::string_view name, mrun_code code = MRUN_INPUT);

// Row-major, data at a multiple of 64. bfloat16, which NumPy lacks, becomes float32. CPU tensors only; dtypes that
// NumPy does not have are refused: ARGUMENT.
std::string write_npy(const Tensor &);

}  // namespace mrun
