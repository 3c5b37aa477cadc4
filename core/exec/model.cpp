#include "exec/model.h"

#include <cstddef>

#include "exec/collate.h"
#include "exec/split.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

BatchConfig batch_of(const Manifest &manifest, const std::string &method) {
  const auto own = manifest.methods.find(method);
  return own == manifest.methods.end() ? manifest.batch : own->second;
}

}  // namespace

const Backend &choose_backend(const ModelConfig &config, const std::string &file) {
  Registry &registry = Registry::get();
  const Backend *backend = config.backend.empty() ? registry.backend_of_file(file) : registry.backend(config.backend);
  if (backend != nullptr) return *backend;
  if (!config.backend.empty()) {
    fail(MRUN_MISSING, "model {}: no plugin brings the backend \"{}\"", config.name, config.backend);
  }
  fail(MRUN_MISSING, "model {}: no plugin brings a backend for {}", config.name, file);
}

namespace {

Value backend_options(const ModelConfig &config) {
  std::vector<std::pair<std::string, Value>> entries;
  if (!config.options.is_nil()) {
    for (const Entry &e : config.options.as_map()) entries.emplace_back(e.key(), e.value());
  }
  if (config.stateful) entries.emplace_back("stateful", Value::boolean(true));
  return Value::map(std::move(entries));
}

// Members that a backend built against an older header does not have are not read.
bool has_traits(const mrun_backend &b) {
  return b.size >= offsetof(mrun_backend, traits) + sizeof b.traits && b.traits != nullptr;
}
bool has_clone(const mrun_backend &b) {
  return b.size >= offsetof(mrun_backend, clone) + sizeof b.clone && b.clone != nullptr;
}

}  // namespace

Model::Model(const Bundle &bundle, const ModelConfig &config, const Manifest &manifest, const ModelOptions &options)
    : name_(config.name), options_(backend_options(config)) {
  const ModelFiles files = bundle.model_files(config);
  backend_ = choose_backend(config, files.graph).backend;
  const Tensor graph = bundle.read(files.graph);
  graph_ = graph;
  if (!files.weights.empty())
    weights_ = tensor_map(read_safetensors(bundle.map_private(files.weights), files.weights, MRUN_BUNDLE).tensors);

  mrun_model_source source{};
  source.size = sizeof source;
  source.graph = {graph.data<const void>(), graph.nbytes()};
  source.weights = weights_.is_nil() ? nullptr : &weights_.c();
  source.options = &options_.c();
  source.device = options.device.c_str();
  source.one_shot = options.one_shot ? 1 : 0;
  ItemContext item;
  mrun_call call(item);
  if (const int code = backend_->open(&call, &source, &handle_); code != MRUN_OK) {
    Error e = call.failed ? call.error : Error(static_cast<mrun_code>(code), "the backend gave no reason");
    e.message = fmt::format("{}: {}", files.graph, e.message);
    throw e;
  }
  list_methods(manifest);
}

void Model::list_methods(const Manifest &manifest) {
  for (size_t i = 0; const char *text = backend_->method(handle_, i); ++i) {
    methods_.push_back(parse_schema(text));
    batches_.push_back(batch_of(manifest, methods_.back().name));
    // Random numbers are the item's own, and so is state: such calls are never joined.
    if (has_traits(*backend_) && backend_->traits(handle_, i) != 0) batches_.back().mode = BatchConfig::Mode::none;
  }
}

std::unique_ptr<Model> Model::fresh() const {
  if (!has_clone(*backend_)) fail(MRUN_USAGE, "model {}: its backend has no stateful models", name_);
  std::unique_ptr<Model> copy(new Model);
  copy->name_ = name_;
  copy->backend_ = backend_;
  copy->methods_ = methods_;
  copy->batches_ = batches_;
  ItemContext item;
  mrun_call call(item);
  if (const int code = backend_->clone(&call, handle_, &copy->handle_); code != MRUN_OK) throw take_error(call, code);
  return copy;
}

Model::~Model() {
  if (handle_ != nullptr) backend_->close(handle_);
}

std::optional<size_t> Model::find(std::string_view method) const {
  for (size_t i = 0; i < methods_.size(); ++i) {
    if (methods_[i].name == method) return i;
  }
  return std::nullopt;
}

std::vector<Value> Model::run(ItemContext &item, size_t method, const std::vector<Value> &args) {
  std::vector<mrun_value> borrowed;
  borrowed.reserve(args.size());
  for (const Value &v : args) borrowed.push_back(v.c());
  std::vector<Value> results(std::max<size_t>(methods_[method].results.size(), 1));
  mrun_call call(item, nullptr, &methods_[method]);
  call.arguments = borrowed;
  auto *out = reinterpret_cast<mrun_value *>(results.data());
  std::unique_lock<std::mutex> lock(serial_, std::defer_lock);
  if (backend_->parallel == 0) lock.lock();
  const int code = backend_->call(&call, handle_, method, borrowed.data(), out);
  if (code == MRUN_OK) return results;
  throw call.failed ? call.error : Error(static_cast<mrun_code>(code), "the model failed without a reason");
}

std::vector<Value> Model::call(ItemContext &item, size_t method, std::vector<Value> args) {
  const BatchConfig &config = batches_[method];
  std::vector<std::vector<Value>> calls;
  calls.push_back(std::move(args));
  const Batch batch = collate(methods_[method], config, std::move(calls));
  const std::vector<Value> results = run(item, method, batch.args);
  return std::move(split(methods_[method], config, batch, results).front());
}

}  // namespace mrun
