// An open TorchScript model: its methods, and calls of them.
#pragma once
#include <mrun/plugin.h>
#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <vector>

#include "backend_effects.h"
#include "backend_types.h"

namespace mrun_torch {

// [models.NAME] in bundle.toml, as far as it is for this backend.
struct ModelOptions {
  bool freeze = false;           // fold parameters into the methods' code (exact to the last bits only)
  bool channels_last = false;    // memory_format = "channels_last": convolution weights and images in that order
  bool stateful = false;         // methods may assign attributes; each item then gets a clone
  bool training = false;         // the file is meant to work as in training
  std::string quantized_engine;  // empty: that of the process
  static ModelOptions from(const mrun_value *map);  // throws mrun::error USAGE
};

// Calls may run on several threads at once, unless the model is stateful. Nothing that a call computes depends on
// earlier calls: the executor does not specialize on what it has seen, so that a result is the same to the bit
// whichever call it is.
class Model {
 public:
  // Throws mrun::error, and whatever libtorch throws on a damaged file.
  static std::unique_ptr<Model> open(mrun_call *call, const mrun_model_source &source);

  // A copy in the state in which the model was opened, which shares the tensors that no method writes.
  std::unique_ptr<Model> clone() const;

  const char *method(size_t index) const;  // NULL past the end
  uint32_t traits(size_t index) const;
  void call(mrun_call *call, size_t index, const mrun_value *args, mrun_value *results) const;

 private:
  struct Method {
    std::string schema;
    mutable torch::jit::Method code;  // runs without changing, but is not declared so
    Effects effects;
    ResultShape results;
  };

  Model(torch::jit::Module module, c10::Device device, const ModelOptions &options);
  void list_methods();
  bool is_quantized() const;
  void refuse_state() const;
  c10::IValue placed(const c10::IValue &v, const Method &m) const;
  c10::IValue on_cpu(c10::IValue v) const;
  void run(const Method &m, std::vector<c10::IValue> &stack, const std::vector<c10::IValue> &inputs) const;

  std::shared_ptr<const void> engine_;  // held (backend_engine.h); null where it does not matter
  torch::jit::Module module_;
  c10::Device device_;
  ModelOptions options_;
  std::vector<Method> methods_;
};

}  // namespace mrun_torch
