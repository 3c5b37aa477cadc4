// A loaded model: a backend's handle, its methods, and calls of them. Loaded once an engine, shared by its workers.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bundle/bundle.h"
#include "exec/batch/context.h"
#include "exec/exact_proof.h"
#include "exec/model_offer.h"
#include "plugin/registry.h"

namespace mrun {

struct ModelOptions {
  Registry *registry = nullptr;  // brings the backend; must outlive the model
  std::string device = "cpu";
  bool one_shot = false;  // a single call is all there will be
  int64_t max_batch = 0;  // in place of [batch] max_size; 0: as the manifest says
  bool exact = false;     // as if [batch] exact = true
  int32_t threads = 1;    // that a call may keep busy: what host->threads says while the model is opened
  std::function<void(int level, const std::string &text)> log = {};  // what the backend logs while it opens and copies
};

class Model {
 public:
  // Opens the model file, or the pair graph + weights of a packed bundle. Throws MISSING (no backend), BUNDLE, MODEL.
  Model(const Bundle &, const ModelConfig &, const Manifest &, const ModelOptions &);
  // Opens what is offered. Throws MODEL, or what else the backend fails with.
  Model(const Backend &, ModelOffer, const std::string &name, const Manifest &, const ModelOptions &);
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;
  // Whether calls change what later ones give, as the manifest or a method's traits say: each item then works with a copy.
  bool keeps_state() const { return keeps_state_; }
  Registry *registry() const { return registry_; }  // where its backend was found
  // Of a model that keeps state, for one item: a copy in the state in which this one was opened. This one must outlive it.
  std::unique_ptr<Model> fresh() const;

  const std::string &name() const { return name_; }
  const std::vector<Schema> &methods() const { return methods_; }
  // How its calls are joined; by_rows: those that bring their rows themselves (MRUN_AWAIT_ROWS).
  const BatchConfig &batch(size_t method, bool by_rows = false) const {
    return by_rows ? rows_batches_[method] : batches_[method];
  }
  uint32_t traits(size_t method) const { return traits_[method]; }  // MRUN_MODEL_*
  // The number of the method, or nothing.
  std::optional<size_t> find(std::string_view method) const;
  // One call of the backend. args: one a parameter. The results are checked against the schema. Any thread. Throws MODEL,
  // what the backend failed with, or what the items were stopped with.
  std::vector<Value> run(BatchContext &, size_t method, const std::vector<Value> &args);
  ExactProof &exact_proof() { return exact_proof_; }

 private:
  Model() = default;
  void list_methods(bool stateful);
  void set_batching(const Batching &, const ModelOptions &);

  std::string name_;
  const mrun_backend *backend_ = nullptr;
  const Plugin *plugin_ = nullptr;
  Registry *registry_ = nullptr;
  void *handle_ = nullptr;  // closed by the destructor, before what follows goes
  std::function<void(int level, const std::string &text)> log_;
  Value graph_, weights_, options_;  // what the backend's source points to: as long as the handle is open
  std::vector<Schema> methods_;
  std::vector<uint32_t> traits_;
  bool keeps_state_ = false;
  std::vector<BatchConfig> batches_, rows_batches_;
  ExactProof exact_proof_;
};

// The plugin's backend for a model's file: the one the manifest names, else the one of the file's suffix. Throws
// MISSING.
const Backend &choose_backend(Registry &, const ModelConfig &, const std::string &file);

}  // namespace mrun
