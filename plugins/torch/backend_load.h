// TorchScript files from memory, whole or with the weights taken out.
//
// A split model's graph file is an ordinary TorchScript file in which every tensor that was taken out has one element
// that is expanded to its shape. An extra file inside it, `mrun_weights`, says where the elements are: a header line,
// then one line for each place in the model, tab-separated:
//
//   WEIGHT  DTYPE  OFFSET  SIZES  STRIDES  PATH
//
// WEIGHT is the tensor's name in the weights file; its elements are seen as one row, and the place gets the view of
// them with this offset, these sizes and strides, in elements. Several places may share a weight: tied tensors stay
// tied. PATH is the place: attributes, list and tuple positions and dictionary keys from the module down, joined by
// dots.
#pragma once
#include <mrun/plugin.h>
#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

namespace mrun_torch {

// A tensor of a model: reachable through attributes of objects, through lists, tuples and dictionaries. What objects
// with a state of their own (__getstate__, custom classes) hold is not listed.
struct Place {
  std::string path;
  at::Tensor tensor;
};
std::vector<Place> places_of(const torch::jit::Module &module);

// The table's name inside the graph file.
inline constexpr const char *views_file = "mrun_weights";

struct WeightView {
  std::string weight, path;
  c10::ScalarType dtype = c10::ScalarType::Float;
  int64_t offset = 0;
  std::vector<int64_t> sizes, strides;
};
std::string write_views(const std::vector<WeightView> &views);
std::vector<WeightView> read_views(const std::string &text);  // throws mrun::error BUNDLE

// One more than the largest position, in elements, that the view reaches; 0 for an empty one. Throws mrun::error BUNDLE
// where that is no number.
int64_t reach_of(const WeightView &view);

// weights: NULL, or a map from name to tensor, whose memory is then shared and treated as read-only. Throws mrun::error
// BUNDLE or MISSING, and whatever libtorch throws on a damaged file.
torch::jit::Module load_module(mrun_call *call, const void *data, size_t size, const mrun_value *weights);

}  // namespace mrun_torch
