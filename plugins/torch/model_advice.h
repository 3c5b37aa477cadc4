// What a script does about a model's input that libtorch refused.
#pragma once
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace mrun_torch {

// "; x:to \"float32\" …": from libtorch's words, what the model was given, and its weights' dtype; or nothing.
std::string model_advice(const std::string &said, const std::vector<c10::IValue> &inputs, c10::ScalarType weights);

}  // namespace mrun_torch
