#include "exec/runner.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/text.h"
#include "exec/collate.h"
#include "exec/input.h"
#include "exec/params.h"

namespace mrun {
namespace {

constexpr int64_t default_lua_memory = int64_t{512} << 20;
constexpr int64_t default_tensor_memory = int64_t{4} << 30;

class Stopwatch {
 public:
  // Seconds since it was made or last read.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

StateOptions state_options(Loaded &loaded) {
  StateOptions o;
  o.bundle = loaded.bundle;
  o.params = loaded.params;
  o.models = loaded.model_infos;
  o.shared = loaded.shared;
  o.lua_memory = loaded.options.lua_memory;
  o.tensor_memory = loaded.options.tensor_memory;
  o.timeout = loaded.options.timeout;
  o.log = loaded.options.log;
  return o;
}

ModelInfo info_of(const Model &model) {
  ModelInfo info;
  info.name = model.name();
  for (size_t i = 0; i < model.methods().size(); ++i) {
    info.methods.push_back(script_schema(model.methods()[i], model.batch(i)));
  }
  return info;
}

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
void check_operations(const Bundle &bundle) {
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
    if (Registry::get().find(name) != nullptr) continue;
    missing[owner_of(name, lock.find("packed_with"))].push_back(printable(name));
  }
  if (missing.empty()) return;
  std::string text;
  for (const auto &[owner, names] : missing) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", fmt::join(names, ", "), owner);
  }
  fail(MRUN_MISSING, "{}: no plugin brings what this bundle was packed with: {}", bundle.origin(), text);
}

ModelOptions model_options(const Loaded &loaded) { return {loaded.options.device, loaded.options.one_shot}; }

}  // namespace

std::unique_ptr<Loaded> load(std::shared_ptr<const Bundle> bundle, EngineOptions options) {
  auto loaded = std::make_unique<Loaded>();
  loaded->bundle = std::move(bundle);
  check_operations(*loaded->bundle);
  loaded->params = override_params(loaded->bundle->manifest().params, options.params);
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (options.workers <= 0) options.workers = 1;
  if (options.queue <= 0) options.queue = 64;
  if (options.lua_memory <= 0) options.lua_memory = default_lua_memory;
  if (options.tensor_memory <= 0) options.tensor_memory = default_tensor_memory;
  if (options.device.empty()) options.device = "cpu";
  loaded->threads = options.threads > 0 ? options.threads : std::max(1, cores / options.workers);
  loaded->options = std::move(options);
  loaded->shared = std::make_shared<SharedStore>();
  const Manifest &manifest = loaded->bundle->manifest();
  for (const ModelConfig &config : manifest.models) {
    loaded->models.push_back(std::make_unique<Model>(*loaded->bundle, config, manifest, model_options(*loaded)));
    loaded->model_infos.push_back(info_of(*loaded->models.back()));
  }
  return loaded;
}

std::shared_ptr<ItemContext> make_context(const Loaded &loaded, uint64_t number) {
  auto item = std::make_shared<ItemContext>();
  item->budget = std::make_shared<Budget>(loaded.options.tensor_memory);
  item->seed = loaded.options.seed;
  item->number = number;
  item->threads = loaded.threads;
  if (loaded.options.log) {
    item->log = [&loaded](int level, const std::string &text) { loaded.options.log(level, "", text); };
  }
  return item;
}

Runner::Runner(Loaded &loaded) : loaded_(loaded), state_(state_options(loaded)) {}

// A stateful model keeps what an item writes into it, so each item gets its own.
std::vector<Model *> Runner::models_for_item(std::vector<std::unique_ptr<Model>> &fresh) {
  std::vector<Model *> models;
  const Manifest &manifest = loaded_.bundle->manifest();
  for (size_t i = 0; i < loaded_.models.size(); ++i) {
    if (manifest.models[i].stateful) {
      fresh.push_back(loaded_.models[i]->fresh());
      models.push_back(fresh.back().get());
    } else {
      models.push_back(loaded_.models[i].get());
    }
  }
  return models;
}

void Runner::run_stages(const Work &work, ItemRun &run, Result &result, const char *&stage) {
  Stopwatch watch;
  stage = "input";
  const Value input = check_input(loaded_.bundle->manifest(), work.input);
  stage = stage_name(Stage::preprocess);
  const Preprocessed p = preprocess(run, input);
  if (work.observe) work.observe(stage, p.x);
  result.timings.preprocess = watch.lap();
  stage = stage_name(Stage::forward);
  const Value output = forward(run, p.x, p.context);
  if (work.observe) work.observe(stage, output);
  result.timings.forward = watch.lap();
  stage = stage_name(Stage::postprocess);
  result.answer = postprocess(run, output, p.context);
  result.timings.postprocess = watch.lap();
}

Result Runner::run(const Work &work, const std::shared_ptr<ItemContext> &item) {
  Result result;
  const char *stage = "engine";
  const double timeout = work.timeout > 0 ? work.timeout : loaded_.options.timeout;
  const Watchdog::Watch watch(loaded_.watchdog, item, timeout);
  try {
    std::vector<std::unique_ptr<Model>> fresh;
    ItemRun run{state_, models_for_item(fresh), item, work.emit};
    run_stages(work, run, result, stage);
  } catch (const Error &e) { result.error = e; } catch (const std::bad_alloc &) {
    result.error = Error(MRUN_MEMORY, "out of memory");
  } catch (const std::exception &e) { result.error = Error(MRUN_INTERNAL, e.what()); }
  if (!result.ok()) {
    result.answer = Value();
    if (result.error.stage.empty()) result.error.stage = stage;
    if (result.error.code == MRUN_TIMEOUT && result.error.message.empty()) {
      result.error.message = fmt::format("the item took longer than {} s", timeout);
    }
  }
  return result;
}

}  // namespace mrun
