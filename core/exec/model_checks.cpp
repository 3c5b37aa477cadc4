#include "exec/model_checks.h"

#include <fmt/ranges.h>
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "exec/model.h"

namespace mrun {
namespace {

bool meant_for_training(const ModelConfig &config) {
  const Value *option = config.options.is_nil() ? nullptr : config.options.find("training");
  return option != nullptr && option->is_bool() && option->as_bool();
}

// What [batch] may speak of.
struct Callable {
  std::vector<const Schema *> schemas;
  std::vector<std::string> methods, arguments;

  void add(const std::vector<Schema> &model) {
    for (const Schema &method : model) {
      schemas.push_back(&method);
      methods.push_back(method.name);
      for (const Parameter &p : method.parameters) arguments.push_back(p.name);
    }
  }
};

void want_known(const std::string &name, const std::vector<std::string> &known, int line, const std::string &where,
                const char *what) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const std::string meant = did_you_mean(name, known);
  fail(MRUN_BUNDLE, "bundle.toml:{}: {}: no model that this is for has {} {}{}", line, where, what, name,
       meant.empty() && !known.empty() && known.size() <= 8 ? fmt::format("; there are: {}", fmt::join(known, ", "))
                                                            : meant);
}

bool has_argument(const Schema &method, const std::string &name) {
  return std::ranges::any_of(method.parameters, [&](const Parameter &p) { return p.name == name; });
}

bool holds_tensors(const Type &t) { return t.base == Base::tensor || t.base == Base::any; }

// Whether a tensor of the results can go by this name, so far as the schema tells: what keys a table has it does not.
bool may_give(const Schema &method, const std::string &name) {
  const auto number = method.find_result(name.substr(0, name.find('[')));
  if (number && holds_tensors(method.results[*number])) return true;
  return std::ranges::any_of(method.results, [](const Type &t) { return t.base == Base::dict || t.base == Base::any; });
}

// What names no result would leave its filling in an answer. in_all: [batch]'s own, which a method's table may repeat.
void check_unpad_names(const BatchConfig &config, const BatchConfig *in_all, const std::string &section,
                       const Callable &callable, std::string_view of) {
  for (const auto &[name, unpad] : config.unpad) {
    if (in_all != nullptr && in_all->unpad.contains(name)) continue;
    std::vector<std::string> known;
    bool given = false;
    for (const Schema *method : callable.schemas) {
      if ((!of.empty() && method->name != of) || !has_argument(*method, unpad.like)) continue;
      given = given || may_give(*method, name);
      for (size_t i = 0; i < method->results.size(); ++i) {
        const std::string &own = method->result_names[i];
        known.push_back(own.empty() ? std::to_string(i + 1) : own);
      }
    }
    if (given || known.empty()) continue;
    fail(MRUN_BUNDLE, "bundle.toml:{}: [{}] unpad.{}: no method with the argument {} gives tensors as a result {}{}",
         unpad.line, section, name, unpad.like, name, did_you_mean(name, known));
  }
}

// A call's results are cut back to the rows that it brought: rows of filling would be nobody's.
void check_rows(const Batching &batching, const std::string &section, const Callable &callable) {
  for (const Schema *method : callable.schemas) {
    const auto own = batching.methods.find(method->name);
    const BatchConfig &config = own == batching.methods.end() ? batching.calls : own->second;
    if (config.mode != BatchConfig::Mode::concat) continue;
    for (const auto &[name, pad] : config.pad) {
      if (!has_argument(*method, name) || std::ranges::find(pad.dims, 0) == pad.dims.end()) continue;
      fail(
          MRUN_BUNDLE,
          "bundle.toml:{}: [{}] pad.{}: dims: in mode \"concat\" dimension 0 has the rows of {}'s calls, which are not "
          "padded: want those after it, as [1]{}",
          pad.line, section, name, method->name, section == "batch" ? "" : "; pad = {} takes none from [batch]");
    }
  }
}

// callable: whose methods' tables are meant. named: whose arguments and results.
void check_batch_names(const Batching &batching, const std::string &section, const Callable &callable,
                       const Callable &named) {
  for (const auto &[name, pad] : batching.calls.pad) {
    want_known(name, named.arguments, pad.line, fmt::format("[{}] pad.{}", section, name), "an argument");
  }
  for (const auto &[name, unpad] : batching.calls.unpad) {
    want_known(unpad.like, named.arguments, unpad.line, fmt::format("[{}] unpad.{}: like", section, name),
               "an argument");
  }
  check_unpad_names(batching.calls, nullptr, section, named, "");
  for (const auto &[method, config] : batching.methods) {
    const std::string own = fmt::format("{}.{}", section, method);
    want_known(method, callable.methods, config.line, fmt::format("[{}]", own), "a method");
    for (const auto &[name, pad] : config.pad) {
      want_known(name, named.arguments, pad.line, fmt::format("[{}] pad.{}", own, name), "an argument");
    }
    check_unpad_names(config, &batching.calls, own, callable, method);
  }
}

// Without what it takes from [batch], which is looked at there: another model may be meant.
Batching without(Batching batching, const BatchConfig &base) {
  const auto erase = [](auto &entries, const auto &taken) {
    std::erase_if(entries, [&](const auto &entry) {
      const auto found = taken.find(entry.first);
      return found != taken.end() && found->second.line == entry.second.line;
    });
  };
  const auto erase_both = [&](BatchConfig &config) {
    erase(config.pad, base.pad);
    erase(config.unpad, base.unpad);
  };
  erase_both(batching.calls);
  for (auto &[method, config] : batching.methods) erase_both(config);
  return batching;
}

}  // namespace

void check_batching(const Manifest &manifest, const ModelMethods &methods) {
  Callable shared, all;
  for (size_t i = 0; i < manifest.models.size(); ++i) {
    const ModelConfig &config = manifest.models[i];
    Callable own;
    (config.batch ? own : shared).add(methods[i]);
    all.add(methods[i]);
    if (!config.batch) continue;
    const std::string section = fmt::format("models.{}.batch", config.name);
    check_batch_names(without(*config.batch, manifest.batch.calls), section, own, own);
    check_rows(*config.batch, section, own);
  }
  check_batch_names(manifest.batch, "batch", shared, all);
  check_rows(manifest.batch, "batch", shared);
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

std::string saved_in_training(const ModelConfig &config, const Model &model) {
  if (meant_for_training(config)) return {};
  for (size_t i = 0; i < model.methods().size(); ++i) {
    if ((model.traits(i) & MRUN_MODEL_TRAINING) == 0) continue;
    return fmt::format(
        "model {}: {} was saved in training mode: call eval() before saving, or say training = true in [models.{}] "
        "where that is meant",
        config.name, model.methods()[i].name, config.name);
  }
  return {};
}

void name_folder(const Bundle &bundle, Error &e) {
  if (bundle.packed() || !e.message.starts_with("bundle.toml:")) return;
  e.message = fmt::format("{}/{}", printable(bundle.origin()), e.message);
}

}  // namespace mrun
