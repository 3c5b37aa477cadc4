#include "author/model_facts.h"

#include <algorithm>

#include "exec/model_checks.h"

namespace mrun {
namespace {

bool meant_for_training(const ModelConfig &config) {
  const Value *option = config.options.is_nil() ? nullptr : config.options.find("training");
  return option != nullptr && option->is_bool() && option->as_bool();
}

// Rarely meant: dropout then draws, and normalization follows what it is given.
void refuse_training(const ModelConfig &config, const Model &model) {
  if (meant_for_training(config)) return;
  for (size_t i = 0; i < model.methods().size(); ++i) {
    if ((model.traits(i) & MRUN_MODEL_TRAINING) == 0) continue;
    fail(MRUN_BUNDLE,
         "model {}: {} was saved in training mode: call eval() before saving, or say training = true in [models.{}] "
         "where that is meant",
         config.name, model.methods()[i].name, config.name);
  }
}

ModelFacts facts_of(Registry &registry, const Bundle &bundle, const ModelConfig &config, const Model &model) {
  ModelFacts f{config.name, choose_backend(registry, config, bundle.model_files(config).graph).backend->name, {}};
  for (const Schema &method : model.methods()) f.methods.push_back(method.text());
  return f;
}

}  // namespace

std::vector<ModelFacts> model_facts(Registry &registry, const Bundle &bundle) {
  std::vector<ModelFacts> facts;
  ModelMethods methods;
  for (const ModelConfig &config : bundle.manifest().models) {
    const Model model(bundle, config, bundle.manifest(), {&registry, "cpu", true});
    refuse_training(config, model);
    facts.push_back(facts_of(registry, bundle, config, model));
    methods.push_back(model.methods());
  }
  check_batching(bundle.manifest(), methods);  // what is packed is not asked again
  check_forward(bundle, methods);
  std::sort(facts.begin(), facts.end(), [](const ModelFacts &a, const ModelFacts &b) { return a.name < b.name; });
  return facts;
}

}  // namespace mrun
