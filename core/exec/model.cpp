#include "exec/model.h"

#include <algorithm>

#include "base/let_go.h"
#include "base/text.h"
#include "bundle/other_files.h"
#include "exec/batch/split.h"
#include "plugin/serial.h"
#include "plugin/undescribed.h"

namespace mrun {
namespace {

const Batching &batching_of(const Manifest &manifest, const std::string &model) {
  for (const ModelConfig &config : manifest.models) {
    if (config.name == model && config.batch) return *config.batch;
  }
  return manifest.batch;
}

BatchConfig batch_of(const Batching &batching, const std::string &method, const ModelOptions &options) {
  const auto own = batching.methods.find(method);
  BatchConfig config = own == batching.methods.end() ? batching.calls : own->second;
  if (options.max_batch > 0) config.max_size = options.max_batch;
  config.exact = config.exact || options.exact;
  if (config.exact) config.max_size = exact_rows;  // the answers must not depend on it either
  return config;
}

bool is_stateful(const Manifest &manifest, const std::string &model) {
  return std::ranges::any_of(manifest.models, [&](const ModelConfig &c) { return c.name == model && c.stateful; });
}

bool has_parameter(const Schema &method, const std::string &name) {
  return std::any_of(method.parameters.begin(), method.parameters.end(),
                     [&](const Parameter &p) { return p.name == name; });
}

// What [batch] says for all methods is for those that have the argument, in `unpad` as in `pad`.
void drop_foreign_unpad(const Schema &method, const BatchConfig &for_all, BatchConfig &config) {
  std::erase_if(config.unpad, [&](const auto &entry) {
    const auto shared = for_all.unpad.find(entry.first);
    const bool inherited = shared != for_all.unpad.end() && shared->second.like == entry.second.like;
    return inherited && !has_parameter(method, entry.second.like);
  });
}

// [batch] speaks of one item's dimensions; behind a dimension of rows each is one further.
BatchConfig by_rows(BatchConfig config) {
  if (config.mode == BatchConfig::Mode::stack) {
    for (auto &[name, pad] : config.pad) {
      for (int64_t &d : pad.dims) ++d;
    }
    for (auto &[name, unpad] : config.unpad) ++unpad.dim;
  }
  config.mode = BatchConfig::Mode::concat;
  return config;
}

// plugin.h: a schema without version; scripts call the method by a plain name.
Schema listed_method(const std::string &model, const char *text) {
  try {
    Schema method = parse_schema(text);
    const bool plain = method.version == 0 && method.overload.empty() && method.name.find('.') == std::string::npos;
    if (!plain)
      fail(MRUN_MODEL, "schema \"{}\": want a plain name, without version, overload and dots", printable(text));
    return method;
  } catch (const Error &e) { fail(MRUN_MODEL, "model {}: a method that its backend lists: {}", model, e.message); }
}

// What a backend failed with. Where it said nothing, who it was is all there is to tell.
Error call_error(mrun_call &call, int code, const std::string &who) {
  const bool said = call.failed && !call.error.message.empty();
  Error e = take_error(call, code);
  const bool stopped = e.code == MRUN_TIMEOUT || e.code == MRUN_CANCELLED;
  if (!said && !stopped) e.message = fmt::format("{}: {}", who, e.message);
  return e;
}

// One result as the schema says, so far as the engine and the scripts rely on it.
bool plausible(const Type &type, const Value &v) {
  if (v.is_nil()) return type.optional || type.base == Base::any;
  return v.kind() != MRUN_FUNCTION && (type.base == Base::any || matches(type, v.c()));
}

}  // namespace

const Backend &choose_backend(Registry &registry, const ModelConfig &config, const std::string &file) {
  const Backend *backend = config.backend.empty() ? registry.backend_of_file(file) : registry.backend(config.backend);
  if (backend != nullptr) return *backend;
  const auto catalog = registry.catalog();
  const std::string known = described_backends(*catalog) + undescribed(*catalog);
  const std::string section = config.line > 0 ? fmt::format("bundle.toml:{}: ", config.line) : "";
  if (!config.backend.empty()) {
    fail(MRUN_MISSING, "{}[models.{}] backend: no plugin brings the backend \"{}\"{}", section, config.name,
         printable(config.backend, 60), known);
  }
  if (const std::string other = other_model_by_name(file); !other.empty())
    fail(MRUN_MISSING, "{}model {}: no plugin opens {}: it is {}{}", section, config.name, printable(file), other,
         known);
  fail(MRUN_MISSING,
       "{}model {}: no plugin opens {} by its suffix; name the backend in bundle.toml ([models.{}] backend = "
       "\"torch\"), or give the file a suffix that one knows, as .pt{}",
       section, config.name, printable(file), config.name, known);
}

Model::Model(const Bundle &bundle, const ModelConfig &config, const Manifest &manifest, const ModelOptions &options)
    : Model{choose_backend(*options.registry, config, bundle.model_files(config).graph), offer_model(bundle, config),
            config.name, manifest, options} {}

Model::Model(const Backend &backend, ModelOffer offer, const std::string &name, const Manifest &manifest,
             const ModelOptions &options)
    : Model() {  // so that what fails from here on closes the model
  name_ = name;
  registry_ = options.registry;
  backend_ = backend.backend;
  plugin_ = backend.plugin;
  graph_ = std::move(offer.graph);  // kept: the backend's source points to them as long as the model lives
  weights_ = std::move(offer.weights);
  options_ = std::move(offer.options);

  const Tensor graph(graph_);
  mrun_model_source source{};
  source.size = sizeof source;  // by which a newer backend knows what this mrun offers
  source.graph = {graph.data<const void>(), graph.nbytes()};
  source.weights = weights_.is_nil() ? nullptr : &weights_.c();
  source.options = &options_.c();
  source.device = options.device.c_str();
  source.one_shot = options.one_shot ? 1 : 0;
  offer.reader->offer(source);
  // Nobody's: opening has no limit of time, and waits for the library's lock as long as it takes.
  ItemContext item;
  item.threads = options.threads;
  item.log = log_ = options.log;
  mrun_call call(item);
  call.registry = registry_;
  const SerialGuard serial(backend_->parallel == 0, *plugin_, name_, [&] { return call.stopped(); });
  const int code = run_native(name_, [&] { return backend_->open(&call, &source, &handle_); });
  if (code != MRUN_OK) {
    handle_ = nullptr;  // whatever stands there: what failed left nothing to close
    Error e = take_error(call, code);
    // MODEL says that the file is none; else what the section asks for may be at fault.
    const std::string section = e.code == MRUN_MODEL ? "" : place_of_options(offer.config, e.message);
    e.message = fmt::format("{}{}: {}", section, offer.file, e.message);
    throw e;
  }
  list_methods(is_stateful(manifest, name));
  set_batching(batching_of(manifest, name), options);
}

void Model::list_methods(bool stateful) {
  const auto next = [&](size_t i) {
    const char *text = nullptr;
    run_native(fmt::format("model {}: its backend's method", name_), [&] {
      text = backend_->method(handle_, i);
      return int{MRUN_OK};
    });
    return text;
  };
  const auto traits_of = [&](size_t i) {
    uint32_t traits = 0;
    run_native(fmt::format("model {}: its backend's traits", name_), [&] {
      if (backend_->traits != nullptr) traits = backend_->traits(handle_, i);
      return int{MRUN_OK};
    });
    return traits;
  };
  std::string keeper = stateful ? "[models." + name_ + "] stateful" : "";
  for (size_t i = 0; const char *text = next(i); ++i) {
    Schema method = listed_method(name_, text);
    if (find(method.name)) fail(MRUN_MODEL, "model {}: its backend lists two methods {}", name_, method.name);
    traits_.push_back(traits_of(i));
    if (keeper.empty() && (traits_.back() & MRUN_MODEL_STATEFUL) != 0) keeper = "its method " + method.name;
    methods_.push_back(std::move(method));
  }
  keeps_state_ = !keeper.empty();
  if (!keeps_state_ || backend_->clone != nullptr) return;
  fail(MRUN_MODEL,
       "model {}: {} says that it keeps state, and the backend {} makes no copies of models, one for each item", name_,
       keeper, backend_->name);
}

// Random numbers are the item's own, and so is state: such calls are never joined. In a model that keeps state no method's
// are: one that only reads it has no trait, and would be answered for all items from the first one's copy.
void Model::set_batching(const Batching &batching, const ModelOptions &options) {
  for (size_t i = 0; i < methods_.size(); ++i) {
    const Schema &method = methods_[i];
    BatchConfig config = batch_of(batching, method.name, options);
    drop_foreign_unpad(method, batching.calls, config);
    if (keeps_state_ || (traits_[i] & MRUN_MODEL_RANDOM) != 0) {
      config.mode = BatchConfig::Mode::none;
      rows_batches_.push_back(config);
    } else {
      if (config.mode != BatchConfig::Mode::none) check_unpad(method, config);
      rows_batches_.push_back(by_rows(config));
    }
    batches_.push_back(std::move(config));
  }
}

std::unique_ptr<Model> Model::fresh() const {
  std::unique_ptr<Model> copy(new Model);
  copy->name_ = name_;
  copy->backend_ = backend_;
  copy->plugin_ = plugin_;
  copy->registry_ = registry_;
  copy->methods_ = methods_;
  copy->traits_ = traits_;
  copy->keeps_state_ = keeps_state_;
  copy->batches_ = batches_;
  copy->rows_batches_ = rows_batches_;
  copy->log_ = log_;
  ItemContext item;
  item.log = log_;
  mrun_call call(item);
  call.registry = registry_;
  const SerialGuard serial(backend_->parallel == 0, *plugin_, name_, [&] { return call.stopped(); });
  const int code = run_native(name_, [&] { return backend_->clone(&call, handle_, &copy->handle_); });
  if (code != MRUN_OK) {
    copy->handle_ = nullptr;
    throw call_error(call, code, fmt::format("model {}: a copy for the item", name_));
  }
  if (copy->handle_ == nullptr) fail(MRUN_INTERNAL, "model {}: its backend's clone gave no copy for the item", name_);
  return copy;
}

// Of a stateful model it runs at an item's end, where memory may have run out: it wants none.
Model::~Model() {
  if (handle_ == nullptr) return;
  const SerialGuard serial(backend_->parallel == 0, *plugin_, name_, [] { return int{MRUN_OK}; });
  let_go(name_, [this] { backend_->close(handle_); });
}

std::optional<size_t> Model::find(std::string_view method) const {
  for (size_t i = 0; i < methods_.size(); ++i) {
    if (methods_[i].name == method) return i;
  }
  return std::nullopt;
}

std::vector<Value> Model::run(BatchContext &context, size_t method, const std::vector<Value> &args) {
  const Schema &schema = methods_[method];
  std::vector<mrun_value> borrowed;
  borrowed.reserve(args.size());
  for (const Value &v : args) borrowed.push_back(v.c());
  // At least one, so that a backend without results is not given NULL.
  std::vector<Value> results(std::max<size_t>(schema.results.size(), 1));
  mrun_call call(context.item(), nullptr, &schema);
  call.registry = registry_;
  call.arguments = borrowed;
  call.batch = context.batch();
  auto *out = reinterpret_cast<mrun_value *>(results.data());
  const SerialGuard serial(backend_->parallel == 0, *plugin_, name_, [&] { return call.stopped(); });
  const auto [code, wrong] =
      run_native(name_, results, [&] { return backend_->call(&call, handle_, method, borrowed.data(), out); });
  if (code != MRUN_OK) throw call_error(call, code, fmt::format("model {}: {}", name_, schema.name));
  if (!wrong.empty()) fail(MRUN_MODEL, "model {}: {}: {}", name_, schema.name, wrong);
  for (size_t i = 0; i < schema.results.size(); ++i) {
    if (plausible(schema.results[i], results[i])) continue;
    fail(MRUN_MODEL, "model {}: {} gave {} as result {}, its schema says {}", name_, schema.name,
         describe(results[i].c()), i + 1, schema.results[i].text());
  }
  return results;
}

}  // namespace mrun
