// What the fuzz targets share.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "value/tensor.h"

// Ends the program where a property does not hold, as a crash that fuzzers keep the input of.
#define FUZZ_CHECK(condition)                                  \
  do {                                                         \
    if (!(condition)) {                                        \
      std::fprintf(stderr, "does not hold: %s\n", #condition); \
      std::abort();                                            \
    }                                                          \
  } while (false)

namespace mrun::fuzz {

inline Tensor bytes_of(const uint8_t *data, size_t size) {
  // The target returns before its input goes.
  return Tensor::over(const_cast<uint8_t *>(data), dtype::uint8, {static_cast<int64_t>(size)}, nullptr, true);
}

}  // namespace mrun::fuzz
