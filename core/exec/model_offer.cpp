#include "exec/model_offer.h"

#include <cctype>

#include "value/safetensors.h"

namespace mrun {
namespace {

Value backend_options(const ModelConfig &config) {
  std::vector<std::pair<std::string, Value>> entries;
  if (!config.options.is_nil()) {
    for (const Entry &e : config.options.as_map()) entries.emplace_back(e.key(), e.value());
  }
  if (config.stateful) entries.emplace_back("stateful", Value::boolean(true));
  return Value::map(std::move(entries));
}

// Where `text` has the whole word; npos where it has not.
size_t find_word(std::string_view text, std::string_view word) {
  const auto of_words = [&](size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  size_t at = text.find(word);
  while (at != text.npos && ((at > 0 && of_words(at - 1)) || of_words(at + word.size()))) at = text.find(word, at + 1);
  return at;
}

}  // namespace

ModelOffer offer_model(const Bundle &bundle, const ModelConfig &config) {
  const ModelFiles files = bundle.model_files(config);
  ModelOffer offer;
  offer.file = files.graph;
  offer.graph = Tensor(bundle.read(files.graph));
  if (!files.weights.empty()) {
    const Tensor mapped = bundle.map_private(files.weights);
    offer.weights = tensor_map(read_safetensors(mapped, files.weights, MRUN_BUNDLE).tensors);
  }
  offer.options = backend_options(config);
  offer.config = config;
  offer.reader = std::make_unique<ModelReader>(bundle, config);
  return offer;
}

std::string place_of_options(const ModelConfig &config, std::string_view said) {
  if (config.line == 0 || config.option_lines.empty()) return {};
  int line = config.line;
  size_t first = said.npos;
  for (const auto &[option, its_line] : config.option_lines) {
    const size_t at = find_word(said, option);
    if (at >= first) continue;
    first = at;
    line = its_line;
  }
  return fmt::format("bundle.toml:{}: [models.{}]: ", line, config.name);
}

}  // namespace mrun
