// Where a model's pair of graph and weights comes from: the weights name the file that was split.
#pragma once
#include <string>

#include "value/tensor.h"

namespace mrun {

inline const std::string model_source_key = "mrun.source";  // of the safetensors file's metadata
// SHA-256 of the model file that such weights were split from; empty: they do not say.
std::string model_source(const Tensor &weights);

}  // namespace mrun
