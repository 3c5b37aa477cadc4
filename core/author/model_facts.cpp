#include "author/model_facts.h"

#include <algorithm>

#include "exec/model_checks.h"

namespace mrun {
namespace {

ModelFacts facts_of(Registry &registry, const Bundle &bundle, const ModelConfig &config, const Model &model) {
  ModelFacts f{config.name, choose_backend(registry, config, bundle.model_files(config).graph).backend->name, {}};
  for (const Schema &method : model.methods()) f.methods.push_back(method.text());
  return f;
}

}  // namespace

std::vector<ModelFacts> model_facts(Registry &registry, const Bundle &bundle) try {
  std::vector<ModelFacts> facts;
  ModelMethods methods;
  for (const ModelConfig &config : bundle.manifest().models) {
    const Model model(bundle, config, bundle.manifest(), {&registry, "cpu", true});
    const std::string training = saved_in_training(config, model);
    if (!training.empty()) fail(MRUN_BUNDLE, "{}", training);
    facts.push_back(facts_of(registry, bundle, config, model));
    methods.push_back(model.methods());
  }
  check_batching(bundle.manifest(), methods);  // what is packed is not asked again
  check_forward(bundle, methods);
  std::sort(facts.begin(), facts.end(), [](const ModelFacts &a, const ModelFacts &b) { return a.name < b.name; });
  return facts;
} catch (Error &e) {
  name_folder(bundle, e);
  throw;
}

}  // namespace mrun
