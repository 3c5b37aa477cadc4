#include "bundle/models.h"

#include <algorithm>

#include "bundle/manifest.h"

namespace mrun {
namespace {

constexpr std::string_view folder = "model/", weights_suffix = ".safetensors", torch_suffix = ".pt";

std::string stem_of(std::string_view model) { return std::string(folder).append(model); }

// ".pt" of "net.pt"; empty where the name has none.
std::string suffix_of(std::string_view file) {
  const size_t dot = file.rfind('.'), slash = file.rfind('/');
  const bool none = dot == std::string_view::npos || dot == 0 || (slash != std::string_view::npos && dot <= slash + 1);
  return none ? std::string() : std::string(file.substr(dot));
}

}  // namespace

// .pth is another name of .pt.
ModelFiles model_pair(const ModelConfig &model) {
  const std::string stem = stem_of(model.name), suffix = suffix_of(model.file);
  const std::string kept = suffix.empty() || suffix == ".pth" ? std::string(torch_suffix) : suffix;
  return {stem + ".graph" + kept, stem + std::string(weights_suffix)};
}

std::string whole_model(const ModelConfig &model) { return stem_of(model.name) + suffix_of(model.file); }

std::string further_files(const std::string &model) { return stem_of(model) + "/"; }

bool is_packed_model(std::string_view path) { return path.starts_with(folder); }

bool is_weights(std::string_view path) {
  return is_packed_model(path) && (path.ends_with(weights_suffix) || path.ends_with(torch_suffix));
}

bool is_model_file(std::string_view path) { return is_packed_model(path) || path.ends_with(torch_suffix); }

bool of_model(std::string_view path, std::string_view model) {
  const std::string stem = stem_of(model);
  return path.starts_with(stem + ".") || path.starts_with(stem + "/");
}

bool belongs_to_models(std::string_view path, const std::vector<ModelConfig> &given) {
  if (is_weights(path)) return true;
  const std::vector<ModelConfig> models = given.empty() ? std::vector{main_model()} : given;
  return std::any_of(models.begin(), models.end(), [&](const ModelConfig &m) {
    return path == m.file || path == whole_model(m) || path == model_pair(m).graph ||
           path.starts_with(further_files(m.name));
  });
}

ModelConfig main_model() {
  ModelConfig model;
  model.name = default_model_name;
  model.file = default_model_file;
  model.options = Value::map({});
  return model;
}

}  // namespace mrun
