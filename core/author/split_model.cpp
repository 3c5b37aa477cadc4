#include "author/split_model.h"

#include "base/hash.h"
#include "bundle/model_source.h"
#include "exec/model.h"
#include "plugin/serial.h"
#include "value/equal.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

struct Halves {
  Value graph, weights;
};

// Asks the backend to split `file`, called `name`. False with the reason where it cannot.
bool ask_backend(const Backend &chosen, const std::string &name, const Tensor &file, Halves &halves,
                 std::string &reason) {
  const mrun_backend &backend = *chosen.backend;
  if (backend.split == nullptr) {
    reason = "the backend does not split models";
    return false;
  }
  ItemContext item;
  mrun_call call(item);
  const SerialGuard serial(backend.parallel == 0, *chosen.plugin, backend.name, [&] { return call.stopped(); });
  const int code = run_native(backend.name, [&] {
    return backend.split(&call, file.data<const void>(), file.nbytes(), halves.graph.out(), halves.weights.out());
  });
  if (code == MRUN_OK) return true;
  if (code != MRUN_MISSING) {
    Error e = take_error(call, code);
    e.message = fmt::format("{}: {}", name, e.message);
    throw e;
  }
  reason = call.failed ? call.error.message : "the backend gave no reason";
  return false;
}

// Whether the weights as written read back as what the backend took out of the model, name for name and bit for bit: what
// opens the pair gets its numbers from that file alone.
bool same_tensors(const NamedTensors &a, const NamedTensors &b) {
  if (a.size() != b.size()) return false;
  for (const auto &[name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end() || !equal(other->second, tensor)) return false;
  }
  return true;
}

// Over the text, which lives longer.
Tensor bytes_of(const std::string &text) {
  return Tensor::over(const_cast<char *>(text.data()), dtype::uint8, {static_cast<int64_t>(text.size())}, nullptr,
                      true);
}

}  // namespace

SplitModel split_model(Registry &registry, const Bundle &bundle, const ModelConfig &config) {
  SplitModel packed;
  const ModelFiles files = bundle.model_files(config);
  const Tensor file = bundle.read(files.graph);
  const Backend &backend = choose_backend(registry, config, files.graph);
  Halves halves;
  if (ask_backend(backend, files.graph, file, halves, packed.reason)) {
    const NamedTensors weights = named_tensors(halves.weights);
    std::string text = write_safetensors(weights, {{model_source_key, sha256_hex(file.bytes())}});
    if (same_tensors(weights, read_safetensors(bytes_of(text), config.name + ".safetensors", MRUN_MODEL).tensors)) {
      packed.graph = std::string(halves.graph.as_tensor().bytes());
      packed.weights = std::move(text);
      return packed;
    }
    packed.reason = "the weights do not read back bit for bit";
  }
  return packed;
}

}  // namespace mrun
