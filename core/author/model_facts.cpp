#include "author/model_facts.h"

#include <algorithm>

#include "exec/model.h"

namespace mrun {

std::vector<ModelFacts> model_facts(const Bundle &bundle) {
  std::vector<ModelFacts> facts;
  for (const ModelConfig &config : bundle.manifest().models) {
    const Model model(bundle, config, bundle.manifest(), {"cpu", true});
    ModelFacts f{config.name, choose_backend(config, bundle.model_files(config).graph).backend->name, {}};
    for (const Schema &method : model.methods()) f.methods.push_back(method.text());
    facts.push_back(std::move(f));
  }
  std::sort(facts.begin(), facts.end(), [](const ModelFacts &a, const ModelFacts &b) { return a.name < b.name; });
  return facts;
}

}  // namespace mrun
