// Two values side by side: the first place that differs, and by how much.
#pragma once
#include <optional>
#include <string>

#include "plugin/registry.h"
#include "value/tensor.h"

namespace mrun {

struct Tolerance {
  double rtol = 0, atol = 0;     // of floating-point numbers: |got - expected| <= atol + rtol * |expected|
  Registry *registry = nullptr;  // brings image.decode, for encoded images
};

struct Difference {
  std::string place;    // "answer.prediction[2]", "x[0, 17]"
  std::string message;  // "expected 0.25, got 0.5"
  double max_abs = 0;   // over the whole tensor; of a number its own
  double max_rel = 0;
  int64_t differing = 1, of = 1;  // elements
};

// Integers, booleans and strings must be equal; numbers may differ within the tolerance (NaN equals NaN); tensors must
// agree in dtype and shape; encoded images are compared by their pixels (pixels.h). `place` begins the names of places.
std::optional<Difference> compare(const Value &expected, const Value &got, const Tolerance &, const std::string &place);

// Two CPU tensors of one dtype and shape, element by element; the tolerance is for floating-point numbers, with
// `integers_too` for all.
std::optional<Difference> compare_elements(const Tensor &expected, const Tensor &got, const Tolerance &,
                                           const std::string &place, bool integers_too = false);

}  // namespace mrun
