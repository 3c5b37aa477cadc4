// A model as it is packed: its graph with the parameters taken out, and its weights as safetensors; proved equal.
#pragma once
#include <string>

#include "bundle/bundle.h"
#include "plugin/registry.h"

namespace mrun {

struct SplitModel {
  std::string graph;    // file content
  std::string weights;  // safetensors; empty where the model stays whole
  std::string reason;   // why it was not split
};

// Splits the model file of `config` where its backend can, reads the weights back as they are written and compares every
// tensor bit by bit; that the pair answers as the model did is shown by the examples, which pack runs on the packed file.
// The weights say of which file they are, so that a commit can keep them. Throws what the backend's open throws (a broken
// model cannot be packed).
SplitModel split_model(Registry &, const Bundle &, const ModelConfig &);

}  // namespace mrun
