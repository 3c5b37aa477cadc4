// What a backend is offered to open a model from, besides the device.
#pragma once
#include <memory>
#include <string>

#include "exec/model_reader.h"

namespace mrun {

struct ModelOffer {
  std::string file;  // the graph's, or the whole model's
  ModelConfig config;
  Tensor graph;
  Value weights;                        // a map, or nil
  Value options;                        // a map
  std::unique_ptr<ModelReader> reader;  // its further files
};

// The model's entries, read and mapped; the bundle must outlive it. Throws BUNDLE, IO.
ModelOffer offer_model(const Bundle &, const ModelConfig &);

// "bundle.toml:7: [models.main]: " for what a backend said of its options: the line of the first that it names, else that
// of the section. Empty where the section has none.
std::string place_of_options(const ModelConfig &, std::string_view said);

}  // namespace mrun
