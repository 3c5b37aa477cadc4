#include "bundle/model_source.h"

#include "value/safetensors.h"

namespace mrun {

std::string model_source(const Tensor &weights) {
  const auto metadata = read_safetensors(weights, "weights", MRUN_BUNDLE).metadata;
  const auto source = metadata.find(model_source_key);
  return source == metadata.end() ? std::string() : source->second;
}

}  // namespace mrun
