#include "exec/model_checks.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace mrun {
namespace {

// What [batch] may speak of.
struct Callable {
  std::vector<std::string> methods, arguments;

  void add(const std::vector<Schema> &model) {
    for (const Schema &method : model) {
      methods.push_back(method.name);
      for (const Parameter &p : method.parameters) arguments.push_back(p.name);
    }
  }
};

void want_known(const std::string &name, const std::vector<std::string> &known, const std::string &where,
                const char *what) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  fail(MRUN_BUNDLE, "bundle.toml: {}: no model that this is for has {} {}{}", where, what, name,
       did_you_mean(name, known));
}

void check_names(const Batching &batching, const std::string &section, const Callable &callable) {
  for (const auto &[name, pad] : batching.calls.pad) {
    want_known(name, callable.arguments, fmt::format("[{}] pad.{}", section, name), "an argument");
  }
  for (const auto &[name, unpad] : batching.calls.unpad) {
    want_known(unpad.like, callable.arguments, fmt::format("[{}] unpad.{}: like", section, name), "an argument");
  }
  for (const auto &[method, config] : batching.methods) {
    const std::string own = fmt::format("{}.{}", section, method);
    want_known(method, callable.methods, fmt::format("[{}]", own), "a method");
    for (const auto &[name, pad] : config.pad) {
      want_known(name, callable.arguments, fmt::format("[{}] pad.{}", own, name), "an argument");
    }
  }
}

}  // namespace

void check_batching(const Manifest &manifest, const ModelMethods &methods) {
  Callable shared;
  for (size_t i = 0; i < manifest.models.size(); ++i) {
    const ModelConfig &config = manifest.models[i];
    Callable own;
    (config.batch ? own : shared).add(methods[i]);
    if (config.batch) check_names(*config.batch, fmt::format("models.{}.batch", config.name), own);
  }
  check_names(manifest.batch, "batch", shared);
}

void check_forward(const Bundle &bundle, const ModelMethods &methods) {
  if (methods.empty() || bundle.has("forward.lua")) return;
  if (methods.size() > 1) {
    fail(MRUN_BUNDLE, "the bundle has {} models: it needs a forward.lua that calls them", methods.size());
  }
  const auto is_forward = [](const Schema &method) { return method.name == "forward"; };
  if (std::none_of(methods[0].begin(), methods[0].end(), is_forward)) {
    fail(MRUN_BUNDLE, "model {} has no method forward: the bundle needs a forward.lua that calls another",
         bundle.manifest().models[0].name);
  }
}

}  // namespace mrun
