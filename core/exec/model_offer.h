// What a backend is offered to open a model from, besides the device.
#pragma once
#include <memory>
#include <string>

#include "exec/model_reader.h"

namespace mrun {

struct ModelOffer {
  std::string file;     // the graph's, or the whole model's
  std::string section;  // "bundle.toml:7: [models.main]", where that says how to open it; else empty
  Tensor graph;
  Value weights;                        // a map, or nil
  Value options;                        // a map
  std::unique_ptr<ModelReader> reader;  // its further files
};

// The model's entries, read and mapped; the bundle must outlive it. Throws BUNDLE, IO.
ModelOffer offer_model(const Bundle &, const ModelConfig &);

}  // namespace mrun
