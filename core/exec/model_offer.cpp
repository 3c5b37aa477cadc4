#include "exec/model_offer.h"

#include "value/safetensors.h"

namespace mrun {
namespace {

Value backend_options(const ModelConfig &config) {
  std::vector<std::pair<std::string, Value>> entries;
  if (!config.options.is_nil()) {
    for (const Entry &e : config.options.as_map()) entries.emplace_back(e.key(), e.value());
  }
  if (config.stateful) entries.emplace_back("stateful", Value::boolean(true));
  return Value::map(std::move(entries));
}

}  // namespace

ModelOffer offer_model(const Bundle &bundle, const ModelConfig &config) {
  const ModelFiles files = bundle.model_files(config);
  ModelOffer offer;
  offer.file = files.graph;
  offer.graph = Tensor(bundle.read(files.graph));
  if (!files.weights.empty()) {
    const Tensor mapped = bundle.map_private(files.weights);
    offer.weights = tensor_map(read_safetensors(mapped, files.weights, MRUN_BUNDLE).tensors);
  }
  offer.options = backend_options(config);
  if (config.line > 0 && !config.options.is_nil() && !config.options.as_map().empty()) {
    offer.section = fmt::format("bundle.toml:{}: [models.{}]", config.line, config.name);
  }
  offer.reader = std::make_unique<ModelReader>(bundle, config);
  return offer;
}

}  // namespace mrun
