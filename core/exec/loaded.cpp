#include "exec/loaded.h"

#include <fmt/ranges.h>
#include <algorithm>
#include <map>

#include "base/cores.h"
#include "base/log.h"
#include "base/text.h"
#include "exec/batch/collate.h"
#include "exec/joined.h"
#include "exec/model_checks.h"
#include "exec/params.h"

namespace mrun {
namespace {

constexpr int default_queue = 2048;

// Who would bring an operation: "plugin image 1.0.0", "libtorch 1.13.1" for ATen's.
std::string owner_of(const std::string &operation, const Value *packed_with) {
  const std::string owner = operation.substr(0, operation.find('.'));
  const Value *version = packed_with == nullptr ? nullptr : packed_with->find(owner);
  const std::string known = version != nullptr && version->is_string() ? printable(version->as_string(), 60) : "";
  if (operation.find('@') == std::string::npos && !known.empty()) return known;
  return fmt::format("plugin {}{}{}", printable(owner, 60), known.empty() ? "" : " ", known);
}

// A packed bundle lists the operations that its pinned text names: all of them must be there, with the meaning they
// had. (Those of a namespace, as ATen's, have their library's meaning.)
void check_operations(const Bundle &bundle, Registry &registry) {
  const Value lock = bundle.lock();
  const Value *script = lock.find("script");
  if (script != nullptr && script->as_int() > script_interface) {
    fail(MRUN_BUNDLE, "{}: its scripts want script interface {}, this mrun has 1 to {}: a newer one is needed",
         bundle.origin(), script->as_int(), script_interface);
  }
  const Value *operations = lock.find("operations");
  if (operations == nullptr) return;
  std::map<std::string, std::vector<std::string>> missing;
  for (const Value &operation : operations->as_list()) {
    const std::string name(operation.as_string());
    if (registry.offers(name)) continue;
    missing[owner_of(name, lock.find("packed_with"))].push_back(printable(name));
  }
  if (missing.empty()) return;
  constexpr size_t most_named = 5;  // of an owner: ATen has hundreds
  std::string text;
  for (const auto &[owner, names] : missing) {
    const size_t named = std::min(names.size(), most_named);
    text += fmt::format("{}{}{} ({})", text.empty() ? "" : "; ", fmt::join(names.begin(), names.begin() + named, ", "),
                        named == names.size() ? "" : fmt::format(" and {} more", names.size() - named), owner);
  }
  fail(MRUN_MISSING, "{}: no plugin brings what this bundle was packed with: {}", bundle.origin(), text);
}

// A name in [batch] that no model knows is a slip. Told of folders, and before one is packed: packed bundles that have
// one ran so far.
void check_models(const Loaded &loaded) {
  ModelMethods methods;
  for (const auto &model : loaded.models) methods.push_back(model->methods());
  if (!loaded.bundle->packed()) check_batching(loaded.bundle->manifest(), methods);
  check_forward(*loaded.bundle, methods);
}

ModelInfo info_of(const Model &model) {
  ModelInfo info;
  info.name = model.name();
  for (size_t i = 0; i < model.methods().size(); ++i) {
    info.methods.push_back(script_schema(model.methods()[i], model.batch(i)));
  }
  return info;
}

// host->call of a model's method: at once, joined with nothing, in the caller's time. A stateful model's calls go to the copy
// that the item's passage has, which native code does not reach.
std::vector<Value> call_at_once(const Loaded &loaded, ItemContext &item, ModelCall call) {
  Model &model = *loaded.models[call.model];
  if (model.keeps_state())
    fail(MRUN_USAGE, "model {} keeps state: its methods cannot be called at once, await them", model.name());
  PendingCall one = pending(std::move(call));
  const BatchConfig &config = model.batch(one.method, one.by_rows);
  prepare(one, model.methods()[one.method], config, config.exact);
  const JoinedCall joined{&one, &item};
  Outcome outcome = std::move(run_joined(model, {&joined, 1}).outcomes.front());
  if (outcome.error) throw Error(*outcome.error);
  return std::move(outcome.results);
}

std::function<void(int level, const std::string &text)> log_of(const Loaded &loaded) {
  if (!loaded.options.log) return {};
  return [&loaded](int level, const std::string &text) { loaded.options.log(level, "", text); };
}

// Told of a folder; one is not packed.
void warn_of_training(const Loaded &loaded, const ModelConfig &config, const Model &model) {
  const std::string training = loaded.bundle->packed() ? "" : saved_in_training(config, model);
  if (!training.empty() && loaded.options.log) loaded.options.log(static_cast<int>(LogLevel::warn), "", training);
}

void open_all_models(Loaded &loaded) try {
  const EngineOptions &o = loaded.options;
  const Manifest &manifest = loaded.bundle->manifest();
  for (const ModelConfig &config : manifest.models) {
    const ModelOptions how{o.registry, o.device, o.one_shot, o.max_batch, o.exact, o.threads, log_of(loaded)};
    loaded.models.push_back(std::make_unique<Model>(*loaded.bundle, config, manifest, how));
    loaded.model_infos.push_back(info_of(*loaded.models.back()));
    warn_of_training(loaded, config, *loaded.models.back());
  }
  check_models(loaded);
} catch (Error &e) {
  name_folder(*loaded.bundle, e);
  throw;
}

bool wants_exact(const Batching &b) {
  return b.calls.exact || std::ranges::any_of(b.methods, [](const auto &method) { return method.second.exact; });
}

bool wants_exact(const Manifest &m) {
  return wants_exact(m.batch) ||
         std::ranges::any_of(m.models, [](const ModelConfig &c) { return c.batch && wants_exact(*c.batch); });
}

}  // namespace

// Operator threads change the last bits of sums, so their default must not depend on the number of workers, nor that of exact
// answers on how many there are.
void fill_in_defaults(EngineOptions &o, const Manifest &manifest) {
  if (o.cores <= 0) o.cores = usable_cores();
  if (o.workers <= 0) o.workers = o.one_shot ? 1 : o.cores;
  if (o.threads <= 0) o.threads = o.one_shot && !o.exact && !wants_exact(manifest) ? o.cores : 1;
  if (o.queue <= 0) o.queue = default_queue;
  const StateOptions usual;
  if (o.lua_memory <= 0) o.lua_memory = usual.lua_memory;
  if (o.tensor_memory <= 0) o.tensor_memory = usual.tensor_memory;
  if (o.device.empty()) o.device = "cpu";
}

std::unique_ptr<Loaded> load(std::shared_ptr<const Bundle> bundle, EngineOptions options) {
  if (options.registry == nullptr) fail(MRUN_USAGE, "an engine wants a registry of plugins");
  auto loaded = std::make_unique<Loaded>();
  loaded->bundle = std::move(bundle);
  check_operations(*loaded->bundle, *options.registry);
  const Manifest &manifest = loaded->bundle->manifest();
  loaded->params = override_params(manifest.params, options.params);
  fill_in_defaults(options, manifest);
  loaded->options = std::move(options);
  loaded->shared = std::make_shared<SharedStore>();
  open_all_models(*loaded);
  return loaded;
}

std::unique_ptr<State> make_state(const Loaded &loaded) {
  StateOptions o;
  o.registry = loaded.options.registry;
  o.bundle = loaded.bundle;
  o.params = loaded.params;
  o.models = loaded.model_infos;
  o.shared = loaded.shared;
  o.lua_memory = loaded.options.lua_memory;
  o.tensor_memory = loaded.options.tensor_memory;
  o.timeout = loaded.options.start_timeout;
  o.log = loaded.options.log;
  o.call_model = [&loaded](ItemContext &item, ModelCall call) { return call_at_once(loaded, item, std::move(call)); };
  try {
    return std::make_unique<State>(std::move(o));
  } catch (Error &e) {  // an asset that is none, say: before there is an item, none is at fault
    if (e.code == MRUN_INPUT) e.code = MRUN_BUNDLE;
    throw;
  }
}

std::shared_ptr<ItemContext> make_context(const Loaded &loaded, uint64_t number) {
  auto item = std::make_shared<ItemContext>();
  item->budget = std::make_shared<Budget>(loaded.options.tensor_memory);
  item->seed = loaded.options.seed;
  item->number = number;
  item->threads = loaded.options.threads;
  item->log = log_of(loaded);
  return item;
}

}  // namespace mrun
