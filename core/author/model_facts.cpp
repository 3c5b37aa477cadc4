#include "author/model_facts.h"

#include <algorithm>

namespace mrun {
namespace {

ModelFacts facts_of(const Bundle &bundle, const ModelConfig &config, const Model &model) {
  ModelFacts f{config.name, choose_backend(config, bundle.model_files(config).graph).backend->name, {}};
  for (const Schema &method : model.methods()) f.methods.push_back(method.text());
  return f;
}

}  // namespace

std::vector<ModelFacts> model_facts(const Bundle &bundle) {
  std::vector<ModelFacts> facts;
  for (const ModelConfig &config : bundle.manifest().models) {
    facts.push_back(facts_of(bundle, config, Model(bundle, config, bundle.manifest(), {"cpu", true})));
  }
  std::sort(facts.begin(), facts.end(), [](const ModelFacts &a, const ModelFacts &b) { return a.name < b.name; });
  return facts;
}

}  // namespace mrun
