#include "author/split_model.h"

#include <array>

#include "base/hash.h"
#include "base/log.h"
#include "bundle/model_source.h"
#include "exec/model.h"
#include "exec/model_checks.h"
#include "plugin/serial.h"
#include "value/equal.h"
#include "value/safetensors.h"

namespace mrun {
namespace {

struct Halves {
  Tensor graph;
  NamedTensors weights;
};

// What a plugin's split gave, as plugin.h wants it.
Halves checked(Value graph, Value weights) {
  if (!graph.is_tensor()) fail(MRUN_INTERNAL, "the graph is {}, want a 1-D uint8 tensor", describe(graph.c()));
  const Tensor bytes = graph.as_tensor();
  if (bytes.dtype() != dtype::uint8 || bytes.dim() != 1 || !bytes.on_cpu()) {
    fail(MRUN_INTERNAL, "the graph is {}, want a 1-D uint8 tensor on the CPU", describe(graph.c()));
  }
  try {
    return {bytes.contiguous(), named_tensors(weights)};
  } catch (const Error &e) { fail(MRUN_INTERNAL, "the weights: {}", e.message); }
}

// Asks the backend to split `file`, called `name`. False with the reason where it cannot.
bool ask_backend(Registry &registry, const Backend &chosen, const std::string &name, const Tensor &file, Halves &halves,
                 std::string &reason) {
  const mrun_backend &backend = *chosen.backend;
  if (backend.split == nullptr) {
    reason = "the backend does not split models";
    return false;
  }
  ItemContext item;
  item.log = [](int level, const std::string &text) { log(static_cast<LogLevel>(level), text); };
  mrun_call call(item);
  call.registry = &registry;
  const SerialGuard serial(backend.parallel == 0, *chosen.plugin, backend.name, [&] { return call.stopped(); });
  std::array<Value, 2> made;
  const std::string who = fmt::format("{}: the backend {} split it", name, backend.name);
  const auto [code, wrong] = run_native(who, made, [&] {
    return backend.split(&call, file.data<const void>(), file.nbytes(), made[0].out(), made[1].out());
  });
  if (code == MRUN_MISSING) {
    reason = call.failed ? call.error.message : "the backend gave no reason";
    return false;
  }
  try {
    if (code != MRUN_OK) throw take_error(call, code);
    if (!wrong.empty()) fail(MRUN_INTERNAL, "{}", wrong);
    halves = checked(std::move(made[0]), std::move(made[1]));
  } catch (Error &e) {
    e.message = fmt::format("{}: {}", code != MRUN_OK ? name : who, e.message);
    throw;
  }
  return true;
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
Tensor text_tensor(const std::string &text) {
  return Tensor::over(const_cast<char *>(text.data()), dtype::uint8, {static_cast<int64_t>(text.size())}, nullptr,
                      true);
}

}  // namespace

SplitModel split_model(Registry &registry, const Bundle &bundle, const ModelConfig &config) try {
  SplitModel packed;
  const ModelFiles files = bundle.model_files(config);
  const Tensor file = bundle.read(files.graph);
  const Backend &backend = choose_backend(registry, config, files.graph);
  Halves halves;
  if (!ask_backend(registry, backend, files.graph, file, halves, packed.reason)) return packed;
  std::string text;
  try {
    text = write_safetensors(halves.weights, {{model_source_key, sha256_hex(file.bytes())}});
  } catch (const Error &e) {
    if (e.code != MRUN_ARGUMENT) throw;
    packed.reason = e.message;  // what that format cannot hold stays in the model's own file
    return packed;
  }
  if (same_tensors(halves.weights,
                   read_safetensors(text_tensor(text), config.name + ".safetensors", MRUN_MODEL).tensors)) {
    packed.graph = std::string(halves.graph.bytes());
    packed.weights = std::move(text);
  } else {
    packed.reason = "the weights do not read back bit for bit";
  }
  return packed;
} catch (Error &e) {
  name_folder(bundle, e);
  throw;
}

}  // namespace mrun
